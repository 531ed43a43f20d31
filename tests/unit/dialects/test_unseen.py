"""Unseen input: an allowance for each image and file, none for text."""

import pytest
from recorded import body

from proxy.dialects.unseen import PART_TOKENS, allowance


@pytest.mark.parametrize(
    ("messages", "parts"),
    [
        ([{"role": "user", "content": "hi"}], 0),
        ([{"role": "user", "content": [{"type": "text", "text": "image_url"}]}], 0),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}], 1),
        ([{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}, {"type": "input_audio"}]}], 1),
        ([{"role": "user", "content": [{"type": "input_image"}]}, {"content": [{"type": "input_file"}]}], 2),
        ([{"role": "user", "content": [{"type": "image", "source": {"type": "url"}}, {"type": "document"}]}], 2),
        ([{"type": "function_call", "arguments": "{}"}, {"role": "assistant", "content": None}], 0),
        ([{"content": [{"type": "tool_result", "content": [{"type": "image"}, {"type": "text", "text": "a"}]}]}], 1),
        ([{"content": [{"type": "tool_result", "content": "an image"}, {"type": "tool_result"}]}], 0),
        ([{"content": [{"type": "tool_result", "content": [7]}, {"type": "image"}]}], 1),
        ([{"role": "user", "content": "an [image] in words"}], 0),
        ("hi", 0),
        ([7], 0),
        ([{"content": 7}], 0),
    ],
)
def test_parts_that_only_name_what_they_are(messages: object, parts: int) -> None:
    assert allowance(body(messages)) == parts * PART_TOKENS


@pytest.mark.parametrize("broken", [b"", b"[", b'[{"content":"\xff"}]', b"[" * 100_000])
def test_what_cannot_be_read_is_allowed_nothing(broken: bytes) -> None:
    assert allowance(broken) == 0

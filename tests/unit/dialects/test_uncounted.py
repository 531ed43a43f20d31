"""What a count of texts leaves out of a prompt stays held by its bytes, whatever it is; pictures have an allowance."""

from base64 import b64encode
from typing import Any

import pytest
from recorded import body

from proxy.dialects import bedrock_prompt, gemini_parts, prompt
from proxy.dialects.uncounted import uncounted_bytes

BYTES = b64encode(b"0" * 30_000).decode()
WORDS = "lorem ipsum " * 4000


def message(*parts: object, role: str = "user") -> list[dict[str, object]]:
    return [{"role": role, "content": list(parts)}]


def left_out(name: str, value: Any, texts_of: Any = prompt.prompt_texts) -> int:
    content = (b'"%b":' % name.encode() + body(value),)
    return uncounted_bytes(content, texts_of(content)[0])


@pytest.mark.parametrize(
    ("name", "value", "texts_of"),
    [
        ("messages", message({"type": "document", "source": {"type": "base64", "data": BYTES}}), prompt.prompt_texts),
        ("messages", message({"type": "file", "file": {"file_data": BYTES}}), prompt.prompt_texts),
        ("messages", message({"type": "input_audio", "input_audio": {"data": BYTES}}), prompt.prompt_texts),
        ("input", message({"type": "input_file", "file_data": BYTES}), prompt.prompt_texts),
        ("messages", message({"type": "redacted_thinking", "data": BYTES}), prompt.prompt_texts),
        ("messages", message({"document": {"source": {"bytes": BYTES}}}), bedrock_prompt.prompt_texts),
        ("messages", message({"reasoningContent": {"text": BYTES}}), bedrock_prompt.prompt_texts),
        (
            "contents",
            [{"parts": [{"inlineData": {"mimeType": "application/pdf", "data": BYTES}}]}],
            gemini_parts.prompt_texts,
        ),
        ("messages", message({"type": "text", "text": "a", "nobody knows": BYTES}), prompt.prompt_texts),
    ],
)
def test_files_and_what_nobody_knows_are_left_to_their_bytes(name: str, value: Any, texts_of: Any) -> None:
    assert left_out(name, value, texts_of) >= len(BYTES)


@pytest.mark.parametrize(
    ("name", "value", "texts_of"),
    [
        ("messages", message({"type": "image", "source": {"type": "base64", "data": BYTES}}), prompt.prompt_texts),
        ("messages", message({"type": "image_url", "image_url": {"url": BYTES}}), prompt.prompt_texts),
        ("input", message({"type": "input_image", "image_url": BYTES}), prompt.prompt_texts),
        ("messages", message({"image": {"format": "png", "source": {"bytes": BYTES}}}), bedrock_prompt.prompt_texts),
        (
            "contents",
            [{"parts": [{"inlineData": {"mimeType": "image/png", "data": BYTES}}]}],
            gemini_parts.prompt_texts,
        ),
        ("messages", message({"type": "text", "text": WORDS}), prompt.prompt_texts),
        ("messages", message({"type": "text", "text": "漢字\n" * 4000}), prompt.prompt_texts),
        ("messages", message({"type": "tool_use", "input": {"code": WORDS}}, role="assistant"), prompt.prompt_texts),
    ],
)
def test_pictures_and_texts_leave_next_to_nothing(name: str, value: Any, texts_of: Any) -> None:
    assert left_out(name, value, texts_of) < 4200


def test_a_letter_may_be_written_in_six_bytes() -> None:
    escaped = (b'"messages":[{"role":"user","content":"' + b"\\u0436" * 9000 + b'"}]',)
    assert uncounted_bytes(escaped, prompt.prompt_texts(escaped)[0]) < 100


def test_what_looks_like_a_picture_in_the_arguments_of_a_tool_is_taken_off_once() -> None:
    trick = {"type": "tool_use", "input": {"type": "image", "source": {"data": WORDS}}}
    document = {"type": "document", "source": {"type": "base64", "data": BYTES}}
    assert left_out("messages", message(trick, document)) >= len(BYTES)


def test_what_cannot_be_read_is_left_as_it_is() -> None:
    assert uncounted_bytes((b'"messages":[',), []) == 14

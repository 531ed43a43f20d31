"""Unseen input: an allowance for each image and file, none for text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
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


_TEXTS = st.text('t4e[]{}:", \n\\', max_size=12) | st.sampled_from(('"content":[', '"content": [', "see [1]", "ü"))
_PARTS = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(("text", "image", "file")), "text": _TEXTS}, optional={"content": _TEXTS}
    ),
    max_size=2,
)
_MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": _TEXTS},
        optional={
            "content": _TEXTS | _PARTS | st.none(),
            "tool_calls": _PARTS,
            "input": _PARTS,
            "note": st.lists(_TEXTS),
        },
    ),
    max_size=4,
)
_WRITERS = ((",", ":"), (", ", ": "), (",\n ", ":\t"), (" , ", " : "), (",", ":\r\n  "), (",", " :"))


def written(messages: object, separators: tuple[str, str], *, spelled: bool) -> bytes:
    text = json.dumps(messages, separators=separators, ensure_ascii=separators == _WRITERS[0])
    return (text.replace('"content"', r'"con\u0074en\u0074"') if spelled else text).encode()


@pytest.mark.parametrize("spelled", [False, True])
@pytest.mark.parametrize("separators", _WRITERS)
@pytest.mark.parametrize("said", ["", "[" * 300])
def test_a_list_of_parts_is_found_however_it_is_written(said: str, separators: tuple[str, str], spelled: bool) -> None:
    messages = [{"role": said, "content": [{"type": "image"}]}]
    assert allowance(written(messages, separators, spelled=spelled)) == PART_TOKENS


@given(messages=_MESSAGES, separators=st.sampled_from(_WRITERS), spelled=st.booleans())
def test_looking_at_brackets_passes_over_no_parts(
    messages: list[dict[str, object]], separators: tuple[str, str], spelled: bool
) -> None:
    contents = [each for message in messages if isinstance(each := message.get("content"), list)]
    parts = sum(part["type"] in ("image", "file") for each in contents for part in each)
    assert allowance(written(messages, separators, spelled=spelled)) == parts * PART_TOKENS

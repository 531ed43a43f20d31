"""Laws of an array that passes: its objects are told whole and in order, however the bytes arrive."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.metering.json_array import ArrayStream

texts = st.text(st.sampled_from('ab{}[]",\\\n☃'), max_size=8)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(texts, values, max_size=4)


@st.composite
def arrays(draw: st.DrawFn) -> tuple[list[Any], bytes, list[int]]:
    """Objects, their array in one style or another, and where to cut it."""
    listed = draw(st.lists(objects, max_size=5))
    space = draw(st.sampled_from(["", "\n", "\r\n ", "  "]))
    indent = draw(st.sampled_from([None, 2]))
    pieces = [json.dumps(each, indent=indent, ensure_ascii=draw(st.booleans())) for each in listed]
    data = f"{space}[{space}{f'{space},{space}'.join(pieces)}{space}]{space}".encode()
    return listed, data, sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))


def fed(data: bytes, cuts: list[int]) -> tuple[ArrayStream, list[Any]]:
    seen: list[bytes] = []
    stream = ArrayStream(seen.append)
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        stream.feed(data[start:end])
    return stream, [json.loads(each) for each in seen]


@given(arrays())
def test_objects_are_told_however_the_bytes_arrive(made: tuple[list[Any], bytes, list[int]]) -> None:
    listed, data, cuts = made
    stream, seen = fed(data, cuts)
    assert seen == listed
    assert stream.closed


@given(arrays(), st.data())
def test_a_joint_makes_room_for_one_more_object(made: tuple[list[Any], bytes, list[int]], data: st.DataObject) -> None:
    """Whatever has passed before the last chunk: with the joint, another object and the end, it is an array."""
    listed, whole, _ = made
    end = whole.rindex(b"]")
    start = data.draw(st.integers(0, end))
    stop = data.draw(st.integers(start, end))
    stream = ArrayStream(lambda _: None)
    stream.feed(whole[:start])
    stream.feed(whole[start:stop] or b" ")
    joint = stream.joint
    if joint is not None:
        *before, last = json.loads(whole[:start] + joint + b'{"error":1}]')
        assert last == {"error": 1}
        assert before == listed[: len(before)]


def test_an_object_that_does_not_end_has_no_joint() -> None:
    stream = ArrayStream(lambda _: None)
    stream.feed(b'[{"a":')
    stream.feed(b'"}')
    assert stream.joint is None
    stream.feed(b'"}\n, {')
    assert stream.joint == b'"},'


@pytest.mark.parametrize("data", [b'{"error":{"code":400}}', b'{"error":{"code":400}}\n'])
def test_an_object_without_an_array_is_told(data: bytes) -> None:
    stream, seen = fed(data, [4, 9])
    assert (seen, stream.closed) == ([{"error": {"code": 400}}], False)


def test_a_too_long_object_passes_unread_and_the_next_is_told() -> None:
    seen: list[bytes] = []
    stream = ArrayStream(seen.append, object_bytes_max=20)
    for piece in (b'[{"a":"', b"x" * 30, b'"},', b'{"b":1}', b"]"):
        stream.feed(piece)
    assert seen == [b'{"b":1}']
    assert stream.closed

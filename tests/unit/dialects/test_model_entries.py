import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.dialect import UnreadableError
from proxy.dialects.model_entries import without

NAMES = st.lists(st.text(max_size=6), max_size=6)
SPACED = st.sampled_from([None, 1, 2])


@pytest.mark.parametrize(
    ("body", "left"),
    [
        (b'{"object":"list","data":[{"id":"a"},{"id":"b"}],"x":1}', b'{"object":"list","data":[{"id":"b"}],"x":1}'),
        (b'{"data":[{"id":"a"}],"has_more":true}', b'{"data":[],"has_more":true}'),
        (
            b'{"models":[{"name":"b"}, {"name":"a"}],"nextPageToken":"t"}',
            b'{"models":[{"name":"b"}],"nextPageToken":"t"}',
        ),
        (b'{"models":[{"slug":"a"}],"data":[{"id":"a"}]}', b'{"models":[],"data":[]}'),
        (b' [{"id":"a"},{"id":"b"},{"id":"c"}]\n', b' [{"id":"b"},{"id":"c"}]\n'),
        (b'{"data":[{"id":7},{"x":1},{"id":"b"}]}', b'{"data":[{"id":"b"}]}'),
        (b'{"like":[{"id":"a"}],"data":[{"id":"a"}]}', b'{"like":[{"id":"a"}],"data":[]}'),
        (b'{"data":[\n  {"id":"b"},\n  {"id":"a"},\n  {"id":"c"}\n]}', b'{"data":[\n  {"id":"b"},\n  {"id":"c"}\n]}'),
        (b'{"data":["a",{"id":"b"}]}', b'{"data":[{"id":"b"}]}'),
    ],
)
def test_entries_are_taken_out_and_nothing_else(body: bytes, left: bytes) -> None:
    assert without(body, lambda name: name in ("b", "c")) == left


@given(names=NAMES, kept=st.sets(st.text(max_size=6)), indent=SPACED)
def test_what_is_left_is_what_is_shown_in_its_order(names: list[str], kept: set[str], indent: int | None) -> None:
    entries = [{"id": name, "object": "model", "about": ["]", '"']} for name in names]
    body = json.dumps({"object": "list", "data": entries, "last": "]"}, indent=indent).encode()
    left = without(body, lambda name: name in kept)
    shown = [name for name in names if name in kept and name]
    assert [entry["id"] for entry in json.loads(left)["data"]] == shown
    assert json.loads(left)["last"] == "]"
    if shown == names:
        assert left is body


@pytest.mark.parametrize("body", [b"", b"{}", b'{"data":null}'])
def test_an_empty_list_is_what_it_is(body: bytes) -> None:
    if body:
        assert without(body, lambda _: False) == body
    else:
        with pytest.raises(UnreadableError):
            without(body, lambda _: False)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b'{"data":{"id":"a"}}',
        b'{"items":[{"id":"a"}]}',
        b'{"data":[{"id":"a"}',
        b'{"data":[],"data":[]}',
        b"3",
    ],
)
def test_what_cannot_be_read_is_said_to_be_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        without(body, lambda _: True)

"""Bodies: read only where every reader would read the same."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.metering.json_object import (
    LISTED_BYTES_MAX,
    MEMBERS_MAX,
    SCANNED_TOKENS_MAX,
    VALUES_MAX,
    ObjectReader,
    UnreadableError,
    members,
)

GOVERNED = ("model", "stream", "n", "messages", "é")
READER = ObjectReader(GOVERNED)
BIG = b'"' + b"x" * LISTED_BYTES_MAX + b'"'

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
keys = st.sampled_from([*GOVERNED, "Model", "temperature", "seed"]) | st.text(max_size=4)


def spelled(key: str, escape: bool) -> str:
    return '"' + "".join(f"\\u{ord(char):04x}" for char in key) + '"' if escape and key.isascii() else json.dumps(key)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[list[tuple[str, Any]], bytes, bytes]:
    """An object's members in order, keys perhaps twice; its text; and the same text too large to be listed."""
    pairs = draw(st.lists(st.tuples(keys, json_values), max_size=6))
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n\t", " :\r\n")]))
    escape = draw(st.booleans())
    items = [spelled(key, escape) + separators[1] + json.dumps(value, ensure_ascii=escape) for key, value in pairs]
    small = draw(st.sampled_from(["{", " { "])) + separators[0].join(items) + draw(st.sampled_from(["}", "\n}\n"]))
    large = "{" + separators[0].join([*items, '"padding":' + BIG.decode()]) + "}"
    return pairs, small.encode(), large.encode()


def twice(pairs: list[tuple[str, Any]]) -> bool:
    """True where a governed key stands twice, case aside."""
    folded = [key if key in GOVERNED else key.casefold() for key, _ in pairs]
    return any(folded.count(key) > 1 for key in folded if key in GOVERNED)


def otherwise(pairs: list[tuple[str, Any]]) -> bool:
    """True where a governed key is spelled otherwise."""
    return any(key not in GOVERNED and key.casefold() in GOVERNED for key, _ in pairs)


@given(bodies())
def test_a_body_is_read_unless_a_governed_key_stands_twice_or_is_spelled_otherwise(
    made: tuple[list[tuple[str, Any]], bytes, bytes],
) -> None:
    pairs, small, large = made
    for body in (small, large):
        if twice(pairs):
            with pytest.raises(UnreadableError, match="stands twice"):
                READER.read(body)
        elif otherwise(pairs):
            with pytest.raises(UnreadableError, match="is spelled otherwise"):
                READER.read(body)
        else:
            values = READER.read(body)
            expected = {key: value for key, value in pairs if body is small or key in GOVERNED}
            assert {key: json.loads(bytes(raw)) for key, raw in values.items()} == expected


@given(bodies())
def test_members_stand_where_they_are_said_to_stand(made: tuple[list[tuple[str, Any]], bytes, bytes]) -> None:
    pairs, small, large = made
    if not twice(pairs) and not otherwise(pairs):
        for body in (small, large):
            found = [(each.key, json.loads(body[each.start : each.end])) for each in members(body, READER.read(body))]
            assert found[: len(pairs)] == pairs


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"a","model":"b"}',
        b'{"model":"a","model":"a"}',
        b'{"model":"a","temperature":1,"mo\\u0064el":"b"}',
        b'{"model":"a","Model":"b"}',
        b'{"MODEL":"a","Model":"b"}',
        '{"me\u017f\u017fages":[],"messages":[]}'.encode(),
        b'{"model":"a","x":{"model":1},"model" : "a"}',
        b'{ "model":"ab","model":"a" }',
        b'{"messages":[1,{"model":"}"}],"model":"a","messages":[1]}',
    ],
)
def test_spellings_of_one_key_count_as_one(body: bytes) -> None:
    with pytest.raises(UnreadableError, match=r"The key '\w+' stands twice"):
        READER.read(body)
    with pytest.raises(UnreadableError, match=r"The key '\w+' stands twice"):
        READER.read(b'{"padding":' + BIG + b"," + body.lstrip()[1:])


@pytest.mark.parametrize("key", ["Model", "MODEL", "m\\u004fdel", "me\u017f\u017fages"])
def test_a_governed_key_in_another_spelling_is_refused(key: str) -> None:
    """Outlay would not see it, and a server that ignores case would."""
    for body in (f'{{"{key}":"a"}}', f'{{ "x":1, "{key}" : "a"}}', f'{{"padding":{BIG.decode()},"{key}":"a"}}'):
        with pytest.raises(UnreadableError, match=r"The key '(model|messages)' is spelled otherwise"):
            READER.read(body.encode())


@pytest.mark.parametrize(
    "body",
    [
        b'{"seed":1,"seed":2}',
        b'{"seed":12,"seed":1}',
        b'{"model":{"model":1,"model":2}}',
        b'{"user":{"n":1},"n":1}',
        b"{}",
    ],
)
def test_other_keys_may_stand_as_they_like(body: bytes) -> None:
    assert {*READER.read(body)} == {*json.loads(body)}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "breaks off (byte 0)"),
        (b'{"model":"a"', "breaks off (byte 12)"),
        (b"[]", "must be a JSON object"),
        (b'"model"', "must be a JSON object"),
        (b'{"model":"a"}x', "trailing characters"),
        (b'{"model":"a"}\x00', "trailing characters"),
        (b'{"n":NaN}', "byte 5"),
        (b'{"n":Infinity}', "byte 5"),
        (b"{'n':1}", "byte 1"),
        (b'{"n":1,}', "byte 7"),
        (b'{"x":"a\nb"}', "byte 7"),
        (b'\xef\xbb\xbf{"n":1}', "byte 0"),
        (b'{"x":"\xff"}', "not UTF-8 (byte 6)"),
        (b'{"x":"\xed\xa0\x80"}', "not UTF-8 (byte 6)"),
        (b'{"\xffx":1}', "not UTF-8 (byte 2)"),
        (b'{"x":"\xe2\x82', "not UTF-8"),
        (b'{"x":"\\ud800"}', "surrogate pair as an escape (byte 6)"),
        (b'{"x":"abc \\ude00 abcdef"}', "surrogate pair as an escape (byte 10)"),
        (b'{"\\ud800x":1}', "surrogate pair"),
        (b'{"model":"a"}'.decode().encode("utf-16"), "not UTF-8"),
        (b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nests too deeply"),
    ],
)
def test_what_is_no_json_object_is_refused_with_its_place(body: bytes, sentence: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        READER.read(body)
    assert sentence in str(caught.value)
    assert str(caught.value).endswith(".")


def test_the_place_of_a_wrong_byte_is_right_in_large_bodies() -> None:
    body = '{"x":"é'.encode() + b"x" * 600_000 + b'\xff"}'
    with pytest.raises(UnreadableError, match=f"byte {len(body) - 3}"):
        READER.read(body)


@pytest.mark.parametrize("text", ["😀", "\\ud83d\\ude00", "\\\\ud800", "\\\\\\ud83d\\ude00", "\u2028"])
def test_whole_pairs_and_escaped_backslashes_are_fine(text: str) -> None:
    assert "x" in READER.read(f'{{"x":"{text}"}}'.encode())


@given(st.binary(max_size=60))
@example(b'{"model":"\\udc00"}')
def test_what_is_read_is_json_to_a_strict_reader(noise: bytes) -> None:
    body = b'{"model":"' + noise + b'"}'
    try:
        READER.read(body)
    except UnreadableError:
        return
    json.loads(body.decode("utf-8", "strict"))["model"].encode("utf-8", "strict")


def test_a_body_full_of_keys_is_refused_without_listing_them() -> None:
    body = b"{" + b",".join(b'"k%d":1' % number for number in range(100_000)) + b"}"
    assert len(body) > LISTED_BYTES_MAX
    with pytest.raises(UnreadableError, match=f"more than {MEMBERS_MAX} keys"):
        READER.read(body)
    fine = b"{ " + b",".join(b'"k%d":1' % number for number in range(MEMBERS_MAX)) + b"}"
    assert len(READER.read(fine)) == MEMBERS_MAX


def test_values_that_take_too_long_to_scan_are_refused() -> None:
    value = b"[" + b"{}," * SCANNED_TOKENS_MAX + b"{}]"
    with pytest.raises(UnreadableError, match="too large"):
        READER.read(b'{"seed":' + value + b"}")
    assert READER.read(b'{"messages":' + value + b"}")


@pytest.mark.parametrize("value", [b"1", b'""', b"{}", b"[[[]]]"])
def test_a_body_of_more_values_than_anyone_sends_is_refused(value: bytes) -> None:
    """To build them would take gigabytes."""
    with pytest.raises(UnreadableError, match="more than 500000 values"):
        ObjectReader(("prompt",)).read(b'{"prompt":[' + (value + b",") * VALUES_MAX + b"1]}")


def test_what_stands_in_texts_is_no_value() -> None:
    table = b'{"prompt":["a", "' + b"1,2,[{" * VALUES_MAX + b'"]}'
    assert memoryview(ObjectReader(("prompt",)).read(table)["prompt"]).nbytes > VALUES_MAX

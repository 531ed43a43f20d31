import json
import random
import string
from dataclasses import asdict, fields, is_dataclass, replace
from pathlib import Path
from types import MappingProxyType

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.journal.bounds import (
    DOCUMENT_CHARS_MAX,
    INTEGER_MAX,
    LINE_BYTES_MAX,
    NAME_CHARS_MAX,
    TEXT_CHARS_MAX,
    bounded,
)
from proxy.journal.codec import LineError, NewerLineError, decode, encode
from proxy.journal.lines import LINE_TYPES, Carried, Head
from proxy.model.call import Call
from proxy.model.entry import Stated
from tests.fakes import facts

PLAIN = [
    Head("node-1", 1, 2, facts.OPENED_US),
    Carried(facts.a_call(), facts.a_hold()),
    facts.an_opened(),
    facts.Extended("call_1", 5, facts.a_hold()),
    facts.a_settled(),
    facts.a_refused(),
    facts.an_attributed(),
    facts.an_act(),
    facts.a_told(),
    facts.a_stated(),
]


@pytest.mark.parametrize("line", PLAIN, ids=lambda line: type(line).__name__)
def test_a_plain_line_comes_back_as_it_was(line):
    assert decode(encode(line)) == line


def test_each_line_type_has_a_plain_example():
    assert {type(line) for line in PLAIN} == set(LINE_TYPES.values())


def test_a_line_is_one_json_object_with_version_and_type_first():
    text = encode(facts.a_settled())
    assert text.startswith(b'{"v":1,"t":"settled","call":{"id":"call_1",')
    assert text.endswith(b"}\n")
    assert json.loads(text) == {"v": 1, "t": "settled", **json.loads(json.dumps(asdict(facts.a_settled())))}


@given(facts.lines)
def test_whatever_the_strings_and_integers_a_line_comes_back_brought_within_bounds(line):
    encoded = encode(line)
    assert decode(encoded) == bounded(line)
    assert encode(bounded(line)) == encoded
    assert len(encoded) <= LINE_BYTES_MAX
    assert encoded.count(b"\n") == 1


@given(facts.lines)
def test_what_comes_back_holds_nothing_that_breaks_a_load_or_a_terminal(line):
    for value in _leaves(decode(encode(line))):
        if isinstance(value, str):
            assert len(value) <= (DOCUMENT_CHARS_MAX if isinstance(line, Stated) else TEXT_CHARS_MAX)
            value.encode()
            assert not any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in value)
        else:
            assert 0 <= value <= INTEGER_MAX


def _leaves(value):
    if is_dataclass(value):
        for field in fields(value):
            yield from _leaves(getattr(value, field.name))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from (*_leaves(key), *_leaves(item))
    elif isinstance(value, tuple):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def test_the_longest_line_that_the_bounds_allow_is_within_the_line_limit():
    """Four bytes a character, at every place, at every limit."""
    wide = "\U0001f600" * (TEXT_CHARS_MAX + 1)
    names = tuple(f"{number}{wide}" for number in range(200))
    settled = facts.a_settled()
    strings = {field.name: wide for field in fields(Call) if field.type is str}
    longest = replace(
        settled,
        call=replace(settled.call, **strings, tags=dict.fromkeys(names, wide)),
        served=replace(settled.served, model=wide, service_tier=wide, region=wide, speed=wide, request_id=wide),
        cost=replace(settled.cost, price_id=wide),
        edits=names,
        matched=names,
    )
    assert LINE_BYTES_MAX / 2 < len(encode(longest)) <= LINE_BYTES_MAX
    act = replace(facts.an_act(), reason=wide, details=dict.fromkeys(names, wide))
    assert len(encode(act)) <= LINE_BYTES_MAX
    assert len(encode(facts.a_told(facts=dict.fromkeys(names, wide)))) <= LINE_BYTES_MAX
    part = replace(facts.a_stated(), id=wide, month=wide, sha256=wide, document=wide * 100)
    assert LINE_BYTES_MAX / 2 < len(encode(part)) <= LINE_BYTES_MAX


def test_forty_commits_stand_on_one_line_uncut():
    commits = " ".join([f"{number:040x}" for number in range(40)])
    line = facts.a_told(facts={"commits": commits})
    assert decode(encode(line)) == line


@pytest.mark.parametrize(
    ("given_text", "stored"),
    [
        ("x" * NAME_CHARS_MAX, "x" * NAME_CHARS_MAX),
        ("x" * (NAME_CHARS_MAX + 1), "x" * (NAME_CHARS_MAX - 1) + "…"),
        ("a\x00b\x1b[31m", "a�b�[31m"),
        ("one\r\ntwo\tthree\x85four", "one  two three four"),
        ("\x7f", "�"),
        ("\x80\x9f", "��"),
        ("four\x85five", "four five"),
        ("\ud83d lone \ude00", "� lone �"),
        ("\ufffe\uffff", "\ufffe\uffff"),
        ("\U0001f600 Zürich \u2028 « \" \\ '", "\U0001f600 Zürich \u2028 « \" \\ '"),
    ],
)
def test_strings_are_cut_and_cleaned(given_text, stored):
    assert decode(encode(facts.an_opened(branch=given_text))).call.branch == stored
    assert decode(encode(facts.an_opened(tags={"k": given_text}))).call.tags == {"k": stored}
    assert decode(encode(facts.an_opened(tags={given_text: "v"}))).call.tags == {stored: "v"}
    assert decode(encode(replace(facts.a_settled(), matched=("a", given_text)))).matched == ("a", stored)


def test_sentences_are_longer_than_names():
    long = "x" * 3000
    assert len(decode(encode(facts.an_opened(justification=long))).call.justification) == TEXT_CHARS_MAX
    assert len(decode(encode(facts.an_opened(work_item=long))).call.work_item) == NAME_CHARS_MAX
    assert len(decode(encode(replace(facts.an_act(), details={"why": long}))).details["why"]) == TEXT_CHARS_MAX


@pytest.mark.parametrize(
    ("amount", "stored"), [(-1, 0), (2**63 - 1, 2**63 - 1), (2**63, 2**63 - 1), (2**200, 2**63 - 1)]
)
def test_integers_are_brought_within_64_bits_and_never_negative(amount, stored):
    settled = facts.a_settled()
    assert decode(encode(replace(settled, settled_us=amount))).settled_us == stored
    assert decode(encode(replace(settled, usage=facts.Usage(web_search=amount)))).usage.web_search == stored
    cost = replace(settled.cost, by_kind={"reasoning": amount})
    assert decode(encode(replace(settled, cost=cost))).cost.by_kind == {"reasoning": stored}


def test_any_mapping_may_hold_the_tags():
    assert decode(encode(facts.an_opened(tags=MappingProxyType({"a": "b"})))).call.tags == {"a": "b"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "not one whole JSON object"),
        (b"\x00\x00\x00\x00", "not one whole JSON object"),
        (encode(facts.a_settled())[:-20], "not one whole JSON object"),
        (encode(facts.a_settled()).rstrip() + encode(facts.a_settled()), "not one whole JSON object"),
        (encode(facts.an_opened(branch="main")).replace(b"main", b"ma\xff\xfe"), "not one whole JSON object"),
        (b"[1]", "not with the fields"),
        (b'{"v":"1","t":"settled"}', "not with the fields"),
        (b'{"v":1,"t":"settled"}', "not with the fields"),
        (b'{"v":1,"t":"balance"}', "no line type 'balance'"),
        (b'{"v":0,"t":"settled"}', "format version 0"),
        (encode(facts.an_opened()).replace(b'"stream":true', b'"stream":"yes"'), "not with the fields"),
        (b" " * (LINE_BYTES_MAX + 1), "longer than"),
    ],
)
def test_a_line_that_cannot_be_read_says_why(text, why):
    with pytest.raises(LineError, match=why) as caught:
        decode(text)
    assert not isinstance(caught.value, NewerLineError)


def test_a_line_of_a_newer_format_is_told_apart():
    with pytest.raises(NewerLineError, match="format version 2"):
        decode(b'{"v":2,"t":"something-new","x":1}')


def test_what_is_wrong_with_a_line_does_not_repeat_its_content():
    canary = "canary-7f3a"
    text = encode(facts.an_opened(branch=canary)).replace(b'"opened_us":', b'"opened_us":"canary-7f3a",')
    with pytest.raises(LineError) as caught:
        decode(text)
    assert canary not in str(caught.value)


@given(st.binary(max_size=200))
def test_no_bytes_make_the_decoder_fail_otherwise(garbage):
    with pytest.raises(LineError):
        decode(garbage)


COLUMNS = (
    "{v: 'BIGINT', t: 'VARCHAR', node: 'VARCHAR', boot: 'BIGINT', number: 'BIGINT', at_us: 'BIGINT', call: 'JSON', "
    "hold: 'STRUCT(cost_pico BIGINT, input_tokens BIGINT, output_tokens BIGINT)', call_id: 'VARCHAR', "
    "settled_us: 'BIGINT', outcome: 'VARCHAR', status: 'BIGINT', "
    "usage: 'STRUCT(input_text BIGINT, output_text BIGINT, web_search BIGINT)', served: 'STRUCT(model VARCHAR)', "
    "cost: 'STRUCT(total_pico BIGINT, by_kind MAP(VARCHAR, BIGINT), price_id VARCHAR)', estimated: 'BOOLEAN', "
    "timing: 'JSON', edits: 'VARCHAR[]', matched: 'VARCHAR[]', reason: 'VARCHAR', message: 'VARCHAR', "
    "details: 'MAP(VARCHAR, VARCHAR)', actor: 'VARCHAR'}"
)


@settings(max_examples=60)
@given(st.lists(facts.lines, min_size=1, max_size=20))
def test_duckdb_loads_every_line_as_exactly_one_row_with_the_same_strings(tmp_path, lines):
    rows = _load(tmp_path, lines)
    assert len(rows) == len(lines)
    for (kind, reason, matched, usage), line in zip(rows, map(bounded, lines), strict=True):
        assert LINE_TYPES[kind] is type(line)
        assert (reason or "") == getattr(line, "reason", "")
        assert tuple(matched or ()) == getattr(line, "matched", ())
        assert usage is None or usage["web_search"] == line.usage.web_search


def test_duckdb_loads_each_character_there_is(tmp_path):
    """All code points, in as many lines as it takes, in a name and in a sentence."""
    points = "".join(map(chr, range(0x110000)))
    names = [points[start : start + NAME_CHARS_MAX] for start in range(0, len(points), NAME_CHARS_MAX)]
    lines = [replace(facts.an_act(), reason=name, details={name: name}) for name in names]
    rows = _load(tmp_path, lines)
    assert [reason for _, reason, _, _ in rows] == [bounded(line).reason for line in lines]


def _load(folder: Path, lines):
    file = folder / f"{''.join(random.choices(string.ascii_lowercase, k=12))}.jsonl"
    file.write_bytes(b"".join(map(encode, lines)))
    query = f"SELECT t, reason, matched, usage FROM read_json(?, format='newline_delimited', columns={COLUMNS})"
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        rows = connection.execute(query, [str(file)]).fetchall()
    file.unlink()
    return rows

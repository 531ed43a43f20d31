from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.journal.bounds import LINE_BYTES_MAX, bounded
from proxy.journal.codec import decode, encode
from proxy.journal.lines import Carried, Head
from proxy.ledger.batch import Kind, sort
from proxy.model.entry import Extended
from proxy.model.told import Told
from tests.fakes import facts

PLAIN = {
    Kind.SEGMENT: Head("node-1", 1, 2, facts.OPENED_US),
    Kind.CARRIED: Carried(facts.a_call(), facts.a_hold()),
    Kind.OPENED: facts.an_opened(),
    Kind.EXTENDED: Extended("call_1", 5, facts.a_hold()),
    Kind.SETTLED: facts.a_settled(),
    Kind.REFUSED: facts.a_refused(),
    Kind.ATTRIBUTED: facts.an_attributed(),
    Kind.ACT: facts.an_act(),
    Kind.TOLD: facts.a_told(),
    Kind.STATED: facts.a_stated(),
}


@pytest.mark.parametrize("kind", Kind)
def test_what_the_codec_writes_is_told_by_its_first_bytes(kind):
    batch = sort(encode(PLAIN[kind]), 0)
    assert batch.bad == ()
    assert list(batch.by_kind) == [(1, kind)]
    ((_, _, called),) = batch.by_kind[1, kind]
    known = {Kind.TOLD: b"github:d1:0", **dict.fromkeys((Kind.SEGMENT, Kind.ATTRIBUTED, Kind.ACT, Kind.STATED), b"")}
    assert called == known.get(kind, b"call_1")


@settings(max_examples=40)
@given(st.lists(facts.lines, max_size=8), st.integers(0, 2**40))
def test_every_line_is_sorted_once_and_keeps_its_bytes_place_and_id(lines, start):
    encoded = [encode(line) for line in lines]
    data = b"".join(encoded)
    batch = sort(data, start)
    assert (batch.bad, batch.newer, batch.lines, batch.end) == ((), "", len(lines), start + len(data))
    found = sorted(line for of_kind in batch.by_kind.values() for line in of_kind)
    assert [batch.text(line) + b"\n" for line in found] == encoded
    for line, original in zip(found, map(bounded, lines), strict=True):
        of = original if isinstance(original, Told) else getattr(original, "call", None)
        id_ = getattr(original, "call_id", None) or getattr(of, "id", "")
        assert line[2] == id_.encode()


def test_staged_lines_carry_their_offset_and_are_otherwise_as_written():
    first, second = encode(facts.a_settled("call_1")), encode(facts.a_settled("call_2"))
    batch = sort(first + second, 1000)
    staged = batch.staged(batch.by_kind[1, Kind.SETTLED])
    assert staged == b'{"o":1000,' + first[1:] + b'{"o":%d,' % (1000 + len(first)) + second[1:]


GOOD = encode(facts.a_settled())


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\x00\x00\x00",
        b"nonsense",
        GOOD[:40],
        b'{"v":1,"t":"sett',
        b'{"v":1,"t":"invented","call":{"id":"x"}}',
        b'{"t":"settled","v":1,' + GOOD[22:].rstrip(b"\n"),
        b'{"v":0,"t":"settled",' + GOOD[22:].rstrip(b"\n"),
        GOOD.rstrip(b"\n")[:-1] + b',"x":"' + b"y" * LINE_BYTES_MAX + b'"}',
    ],
    ids=["empty", "zeros", "text", "torn", "torn early", "unknown type", "other order", "version 0", "too long"],
)
def test_a_line_that_the_codec_does_not_write_is_bad_and_its_neighbours_are_not(line):
    batch = sort(GOOD + line + b"\n" + GOOD, 7)
    (bad,) = batch.bad if batch.bad else (None,)
    if bad is None:  # torn behind its first bytes: only the store's parser sees that
        assert line == GOOD[:40]
        return
    assert (bad.offset, bad.size) == (7 + len(GOOD), len(line))
    assert len(batch.by_kind[1, Kind.SETTLED]) == 2
    assert batch.lines == 3


def test_a_bad_line_is_described_without_its_content():
    (bad,) = sort(b'{"secret":"sk-1234"}\n', 0).bad
    assert "sk-1234" not in bad.reason
    assert len(bad.sha256) == 64


def test_sorting_stops_before_a_line_of_a_newer_format():
    newer = encode(facts.a_settled()).replace(b'{"v":1,', b'{"v":2,')
    batch = sort(GOOD + newer + GOOD, 0)
    assert batch.lines == 1
    assert batch.end == len(GOOD)
    assert "newer" in batch.newer


@settings(max_examples=30)
@given(st.lists(facts.lines, min_size=2, max_size=6), st.integers(0, 1000))
def test_halves_are_smaller_and_together_the_whole(lines, start):
    batch = sort(b"".join(map(encode, lines)), start)
    first, second = batch.halves()
    assert first.data + second.data == batch.data
    assert (first.start, first.end, second.end) == (start, second.start, batch.end)
    assert first.lines + second.lines == batch.lines
    assert first.lines > 0 < second.lines


def test_an_id_that_json_has_to_escape_is_still_the_id():
    entry = facts.a_settled('quote " and \\')
    batch = sort(encode(entry), 0)
    (line,) = batch.by_kind[1, Kind.SETTLED]
    assert line[2] == entry.call.id.encode()
    assert decode(batch.text(line)) == replace(entry)

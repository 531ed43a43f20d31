"""The laws of statements: nothing is lost, nothing is twice, and nothing that is closed can be changed unseen."""

import json
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.finance.statement import (
    CALLS,
    PART_CHARS,
    Closing,
    StatementError,
    Total,
    booked,
    faults,
    following,
    parts,
    read,
    stated,
    total,
    unbooked,
)
from proxy.model.money import pico_of, usd_exact

MONTHS = ["2026-10", "2026-11", "2026-12", "2027-01"]
names = st.text(max_size=4) | st.sampled_from(["checkout", '"', "\\", "\x7f", "é", "\U0001f600", "=1+1"])
keys = st.tuples(st.sampled_from(MONTHS), *[names] * 7, st.sampled_from([CALLS, "input_text", "other"]))
amounts = st.tuples(st.integers(-(2**70), 2**70), st.integers(-(2**70), 2**70))
ledgers = st.dictionaries(keys, amounts, max_size=8)


def closed(live):
    """`live`: what is on record when each of the months is closed."""
    statements = []
    for month, now in zip(MONTHS, live, strict=False):
        within = {key: amount for key, amount in now.items() if key[0] <= month}
        rows = unbooked(within, statements)
        previous = statements[-1].sha256 if statements else ""
        statements.append(stated(month, previous, rows, {"outcomes": {}, "restated": []}))
    return statements


def closing(statement):
    return Closing(statement.month, f"act_{statement.month}", 1, "bob", "", statement.sha256, statement.text)


@settings(max_examples=60)
@given(st.lists(ledgers, min_size=1, max_size=4), ledgers)
def test_p19_statements_and_what_is_in_none_sum_to_what_is_on_record(live, now):
    """Whatever changes between one closing and the next, what has gone again too."""
    statements = closed(live)
    left = unbooked(now, statements)
    said = booked(statements)
    for key in now.keys() | said.keys() | left.keys():
        sums = (sum(parts) for parts in zip(said.get(key, (0, 0)), left.get(key, (0, 0)), strict=True))
        assert tuple(sums) == now.get(key, (0, 0))
    assert unbooked(booked(statements), statements) == {}


@given(ledgers)
def test_a_statement_comes_back_as_it_was_and_is_known_by_its_hash(rows):
    found = stated("2026-10", "", rows, {"waived": []})
    assert found.rows == rows
    assert read(found.text) == found
    assert found.sha256 == sha256(found.text.encode()).hexdigest()
    assert found.text == stated("2026-10", "", dict(reversed(rows.items())), {"waived": []}).text


@given(ledgers)
def test_its_text_is_what_the_journal_keeps_as_it_is(rows):
    text = stated("2026-10", "", rows, {}).text
    assert text.isascii()
    assert text.isprintable()
    assert "".join(parts(text)) == text
    assert all(0 < len(part) <= PART_CHARS for part in parts(text))
    json.loads(text)


@settings(max_examples=40)
@given(st.lists(ledgers, min_size=2, max_size=4), st.data())
def test_whatever_is_changed_or_left_out_of_a_chain_is_seen(live, data):
    chain = [closing(each) for each in closed(live)]
    assert faults(chain) == [[]] * len(chain)
    place = data.draw(st.integers(0, len(chain) - 1))
    at = data.draw(st.integers(0, len(chain[place].text) - 1))
    text = chain[place].text
    bent = replace(chain[place], text=f"{text[:at]}{'0' if text[at] != '0' else '1'}{text[at + 1 :]}")
    assert faults([*chain[:place], bent, *chain[place + 1 :]])[place]
    if place < len(chain) - 1:
        assert any(faults([*chain[:place], *chain[place + 1 :]]))
        # Who writes a whole new statement with its hash changes what the next one names.
        other = closing(stated(MONTHS[place], "", {("2020-01", *[""] * 7, "other"): (1, 1)}, {"forged": True}))
        assert faults([*chain[:place], other, *chain[place + 1 :]])[place + 1]


def test_what_is_no_statement_says_why():
    good = stated("2026-10", "", {}, {}).text
    for bad, why in [
        ("", "no JSON"),
        ("[]", "lacks"),
        ("{}", "lacks"),
        (good.replace('"statement":1', '"statement":2'), "form 2"),
        (good.replace('"meter"', '"metre"'), "columns"),
    ]:
        with pytest.raises(StatementError, match=why):
            read(bad)
    missing = replace(closing(read(good)), text="")
    assert faults([missing]) == [["parts of its statement are missing"]]
    wrong = good.replace('"calls":0', '"calls":1')
    assert (
        "don't sum" in faults([Closing("2026-10", "a", 1, "bob", "", sha256(wrong.encode()).hexdigest(), wrong)])[0][0]
    )


def test_totals_are_of_one_month_and_calls_are_counted_once():
    rows = {
        ("2026-10", *[""] * 7, CALLS): (3, 0),
        ("2026-10", *[""] * 7, "input_text"): (1000, 7),
        ("2026-09", *[""] * 7, CALLS): (-1, 0),
        ("2026-09", *[""] * 7, "output_text"): (-5, -2),
    }
    assert (total(rows, "2026-10"), total(rows, "2026-09")) == (Total(3, 7), Total(-1, -2))
    head = stated("2026-10", "", rows, {}).head
    assert head["total"] == {"calls": 3, "cost_usd": "0.000000000007"}
    assert head["corrections"] == {"calls": -1, "cost_usd": "-0.000000000002"}


@given(st.integers(-(2**80), 2**80))
def test_amounts_keep_every_digit(pico):
    assert pico_of(usd_exact(pico)) == pico


def test_months_follow_one_another():
    assert [following(month) for month in ("2026-10", "2026-12")] == ["2026-11", "2027-01"]

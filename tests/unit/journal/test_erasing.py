"""A name on the journal's lines: replaced in its fields, line by line as long as before, and nothing else changed."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.journal.codec import decode, encode
from proxy.journal.erasing import NAME_BYTES_MIN, Names, NoPseudonymError, erased, pseudonym
from proxy.model.entry import Act
from tests.fakes import facts

NAMES = Names("alice", {"alice": "x7f2-", "alice@example.com": "k3-aaaaaaaaaaaaa-"})


def line(entry):
    return encode(entry).removesuffix(b"\n")


def told(entry):
    return decode(erased(line(entry), NAMES))


@given(
    owner=st.sampled_from(("alice", "bob")),
    branch=st.sampled_from(("alice/fix", "main", "ALICE_fix", "malice", "")),
    text=st.text(max_size=30),
    tag=st.sampled_from(("alice", "prod")),
)
def test_a_line_keeps_its_length_its_sums_and_all_that_names_nobody(owner, branch, text, tag):
    entry = facts.a_settled(owner=owner, branch=branch, justification=text, session="s", tags={"who": tag})
    before = line(entry)
    done = erased(before, NAMES)
    assert len(done) == len(before)
    after = decode(done)
    bounded = decode(before)
    assert (after.cost, after.usage, after.settled_us, after.call.team) == (
        entry.cost, entry.usage, entry.settled_us, entry.call.team,
    )  # fmt: skip
    if owner == "alice":
        assert (after.call.owner, after.call.session, after.call.justification) == ("x7f2-", "", "")
    elif not NAMES.stands_in(before.decode()):
        assert after == bounded
    assert after.call.branch == branch.replace("malice", "m\0").replace("alice", "x7f2-").replace(
        "ALICE", "x7f2-"
    ).replace("m\0", "malice")


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (Act("a", 1, "bob", "rows_viewed", "alice", "why Alice?", {"key": "of alice"}),
         Act("a", 1, "bob", "rows_viewed", "x7f2-", "why x7f2-?", {"key": "of x7f2-"})),
        (Act("a", 1, "alice@example.com", "key_created", "k_alice", "", {}),
         Act("a", 1, "k3-aaaaaaaaaaaaa-", "key_created", "k_x7f2-", "", {})),
        (Act("a", 1, "bob", "budget_granted", "alice-month", "", {}),
         Act("a", 1, "bob", "budget_granted", "alice-month", "", {})),
    ],
)  # fmt: skip
def test_acts_lose_the_name_but_not_the_names_of_other_things(entry, expected):
    assert told(entry) == expected


def test_what_was_told_of_a_change_loses_its_author():
    entry = facts.a_told(facts={"author": "alice", "coauthors": "bob alice", "number": "7"})
    assert dict(told(entry).facts) == {"author": "x7f2-", "coauthors": "bob x7f2-", "number": "7"}


def test_a_torn_line_loses_the_name_too():
    torn = line(facts.a_settled(owner="alice"))[:-40]
    assert b"alice" in torn
    assert (len(erased(torn, NAMES)), b"alice" in erased(torn, NAMES)) == (len(torn), False)


def test_unknown_fields_and_types_of_lines_stay():
    before = b'{"v":2,"t":"newer","owner":"alice","more":{"deep":[1,{"owner":"alice"}]},"model":"alice"}'
    after = msgspec.json.decode(erased(before, NAMES))
    assert after == {
        "v": 2, "t": "newer", "owner": "x7f2-", "more": {"deep": [1, {"owner": "x7f2-"}]}, "model": "alice",
    }  # fmt: skip


def test_a_service_of_the_same_name_keeps_its_sessions():
    entry = facts.a_settled(owner="alice", owner_kind="service", session="s-1")
    assert told(entry).call.session == "s-1"


@given(st.from_regex(r"[a-zé][a-z0-9.@é]{1,12}", fullmatch=True))
def test_a_pseudonym_has_the_bytes_of_the_name_and_is_not_taken(name):
    first = pseudonym(name, (), lambda letters: letters[0])
    assert len(first.encode()) == len(name.encode())
    with pytest.raises(NoPseudonymError, match="taken"):
        pseudonym(name, {first}, lambda letters: letters[0])


def test_of_one_letter_there_is_no_pseudonym():
    with pytest.raises(NoPseudonymError, match="too short"):
        pseudonym("x" * (NAME_BYTES_MIN - 1), (), lambda letters: letters[0])


def test_replacing_is_stable():
    entry = facts.a_settled(owner="alice", branch="alice/x")
    once = erased(line(entry), NAMES)
    assert erased(once, NAMES) == once
    assert replace(decode(once).call, owner="alice", branch="alice/x", session="s").id == entry.call.id


def test_what_is_of_a_policy_set_that_named_the_person_is_of_a_random_one_whosever_call_it_is():
    names = Names("alice", {"alice": "x7f2-"}, {"ab12": "0f9e"})
    before = line(facts.a_settled(owner="bob", policy="ab12"))
    after = erased(before, names)
    assert (decode(after).call.policy, len(after)) == ("0f9e", len(before))
    other = line(facts.a_settled(owner="bob", policy="cd34"))
    assert erased(other, names) == other


@pytest.mark.parametrize(
    ("subject", "details", "expected"),
    [
        ("cd34", {"before": "ab12"}, ("cd34", {"before": "0f9e"})),
        ("ab12", {}, ("0f9e", {})),
        ("k_1", {"owner": "alice", "state": "12ab"}, ("k_1", {"owner": "x7f2-", "state": "0000"})),
        ("k_1", {"owner": "bob", "state": "12ab"}, ("k_1", {"owner": "bob", "state": "12ab"})),
        ("budget_level:12ab", {}, ("budget_level:0000", {})),
        ("disk_full:12ab", {}, ("disk_full:12ab", {})),
    ],
)
def test_no_hash_stays_that_the_name_could_be_tried_on(subject, details, expected):
    before = line(Act("a", 1, "outlay", "any", subject, "", details))
    after = erased(before, Names("alice", {"alice": "x7f2-"}, {"ab12": "0f9e"}))
    assert ((decode(after).subject, decode(after).details), len(after)) == (expected, len(before))

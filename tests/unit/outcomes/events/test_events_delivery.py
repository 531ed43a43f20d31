"""From a delivery to the journal's lines: ids, times, and what is left of texts."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.journal.codec import decode, encode
from proxy.model.told import Trust
from proxy.model.told_facts import fact_of
from proxy.outcomes.events.delivery import AFTER_US, BEFORE_US, Delivery, UnreadableError, id_of, parsed
from proxy.outcomes.events.moments import moment_us
from proxy.outcomes.events.receiving import Sender, received
from proxy.outcomes.events.tree import Tree
from proxy.outcomes.events.wording import branch_items, is_bot, joined, work_items
from tests.fakes import deliveries
from tests.fakes.deliveries import DIGEST, MERGE, NOW, NOW_US, PLACE, SECRET, TOKEN

FACT = deliveries.generic()


def of(telling, **given):
    return Delivery("s", "d", Trust.SIGNED, "p", telling, **given).lines(NOW_US)


@pytest.mark.parametrize(
    ("given_us", "occurred_us", "clamped"),
    [
        (NOW_US, NOW_US, False),
        (NOW_US - BEFORE_US, NOW_US - BEFORE_US, False),
        (NOW_US - BEFORE_US - 1, NOW_US, True),
        (NOW_US + AFTER_US, NOW_US + AFTER_US, False),
        (NOW_US + AFTER_US + 1, NOW_US, True),
        (0, NOW_US, True),
    ],
)
def test_a_sources_time_is_believed_within_bounds(given_us, occurred_us, clamped):
    fact = fact_of("artifact", {"digest": DIGEST, "repository": PLACE, "sha": MERGE})
    (line,) = of([(given_us, fact)])
    assert (line.at_us, line.occurred_us, line.clamped) == (NOW_US, occurred_us, clamped)


def test_history_may_be_old_but_not_of_the_future():
    fact = fact_of("artifact", {"digest": DIGEST, "repository": PLACE, "sha": MERGE})
    old, future = of([(5_000_000, fact), (NOW_US + AFTER_US + 1, fact)], imported=True)
    assert (old.occurred_us, old.clamped, old.imported) == (5_000_000, False, True)
    assert (future.occurred_us, future.clamped) == (NOW_US, True)


def test_github_is_known_by_its_body_whatever_id_it_is_sent_under():
    source = Sender(deliveries.services().sources["github"], [SECRET])
    first = deliveries.github("push", deliveries.push(), delivery="one")
    again = deliveries.github("push", deliveries.push(), delivery="two")
    found = [received("github", [source], each.body, each.headers, NOW_US) for each in (first, again)]
    ids = [[line.id for line in each.lines(NOW_US)] for each in found]
    assert ids[0] == ids[1]
    assert [line.delivery for each in found for line in each.lines(NOW_US)] == ["one", "two"]


def test_gitlab_is_known_by_the_id_that_is_signed():
    source = Sender(deliveries.services().sources["gitlab"], [TOKEN])
    sent = deliveries.standard(deliveries.gitlab_deployment(), id_="w-7")
    found = received("gitlab", [source], sent.body, sent.headers, NOW_US)
    assert [line.id for line in found.lines(NOW_US)] == ["gitlab:w-7:0"]


def test_ids_are_plain():
    assert id_of("build-1") == "build-1"
    assert id_of("a", "b") == "a/b"
    for wild in ("a b", "x" * 101, "\x00", "é", ""):
        assert len(id_of(wild)) == 32
    assert id_of("a b", "c") != id_of("a", "b c")


@pytest.mark.parametrize("body", [b"", b"[]", b"3", b"{", b"\xff", b"[" * 100_000, b'{"a": ' * 20_000, b"payload={}"])
def test_what_is_no_json_object_is_said(body):
    with pytest.raises(UnreadableError):
        parsed(body)


def test_no_text_of_a_person_is_on_any_line():
    words = "Zebra crossing quince"
    documents = [
        ("pull_request", deliveries.pull_request(title=words, body=f"{words}\nFixes #4 {words}")),
        ("push", deliveries.push(f"{words}\n\n{words}\nCo-authored-by: {'B'} <bob@example.com>")),
        ("pull_request_review", deliveries.review() | {"body": words}),
    ]
    source = Sender(deliveries.services().sources["github"], [SECRET])
    for event, document in documents:
        sent = deliveries.github(event, document)
        lines = received("github", [source], sent.body, sent.headers, NOW_US).lines(NOW_US)
        assert lines
        for line in lines:
            text = encode(line).decode()
            assert not any(word in text for word in words.split())


@settings(max_examples=50)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda each: st.lists(each, max_size=4)))
def test_a_line_comes_back_as_the_fact_it_was_written_from(value):
    """Whatever stands in the fields: what is written is read as what it is bounded to."""
    document = deliveries.pull_request(title=value, body=value, user={"login": value, "type": value})
    for path in ("head", "base"):
        document["pull_request"][path] = {"sha": MERGE, "ref": value, "repo": {"id": value}}
    sent = deliveries.github("pull_request", document)
    source = Sender(deliveries.services().sources["github"], [SECRET])
    for line in received("github", [source], sent.body, sent.headers, NOW_US).lines(NOW_US):
        read = decode(encode(line))
        assert fact_of(read.kind, read.facts) is not None
        assert encode(read) == encode(line)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (NOW, NOW_US),
        ("2027-01-15T08:00:00.123456789Z", NOW_US + 123456),
        ("2027-01-15T09:00:00+01:00", NOW_US),
        ("2027-01-15 09:00:00 +0100", NOW_US),
        ("2027-01-15 08:00:00 UTC", NOW_US),
        ("2027-01-15T08:00Z", NOW_US),
        (NOW_US // 10**6, NOW_US),
        (NOW_US // 10**3, NOW_US),
        (1.5, 1_500_000),
        *((wrong, 0) for wrong in (None, True, "", "x", -1, 10**20, "2027-01-15T08:00:00", "2027-13-15T08:00:00Z", [])),
    ],
)
def test_a_moment(value, found):
    assert moment_us(value) == found


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("PAY-12: refunds", {"PAY-12"}),
        ("[PAY-12][OPS-3] both", {"PAY-12", "OPS-3"}),
        ("UTF-8 and SHA-256, CVE-2026-1234", set()),
        ("pay-12 lower case is prose", set()),
        ("XPAY-12a PAY-012 PAY-0", set()),
        ("#12 and acme/plans#13", {f"{PLACE}#12", "github.com/acme/plans#13"}),
        ("C# 7 &#39; issue#5", set()),
    ],
)
def test_work_items_of_a_title(text, items):
    assert set(work_items(PLACE, text)) == items


@pytest.mark.parametrize(
    ("branch", "items"),
    [
        ("feature/PAY-12-refunds", {"PAY-12"}),
        ("alice/pay-12", {"PAY-12"}),
        ("release-2", set()),
        ("alice-patch-1", set()),
        ("fix-3-things", set()),
        ("main", set()),
    ],
)
def test_work_items_of_a_branch(branch, items):
    assert set(branch_items(branch)) == items


def test_a_list_holds_no_blanks_and_no_more_than_a_line_takes():
    assert joined(["Bob  B", "Bob B", "", " "]) == ("Bob-B",)
    many = joined(f"{number:03}{'x' * 197}" for number in range(50))
    assert 1 < len(many) < 20
    assert len(" ".join(many)) <= 2000


def test_bots():
    assert all(map(is_bot, ("renovate[bot]", "dependabot", "project_3_bot_x")))
    assert is_bot("x", "Bot")
    assert not is_bot("abbot", "User")


@given(st.text(), st.text())
def test_a_tree_of_anything_gives_texts(name, other):
    tree = Tree(json.loads(json.dumps({name: {other: [1, {name: other}]}})))
    assert isinstance(tree.name(name, other), str)
    assert [type(each) for each in tree.items(name, other)] == [Tree, Tree]
    assert list(tree.items(other, name, "x")) == []

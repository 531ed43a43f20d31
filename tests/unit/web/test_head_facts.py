"""What a head says is worked out once, for as long as it says the same."""

from datetime import UTC, datetime, timedelta
from typing import Any

from proxy.adapters.prices_litellm import price_book
from proxy.dialects.openai import OpenAI
from proxy.gateway.rules import Rules
from proxy.model.decision import Refusal
from proxy.model.identity import Identity, OwnerKind, Role
from proxy.policy.keys import digest
from proxy.policy.types import Key, PolicySet
from proxy.ports.upstream import SentLines
from proxy.web.head_facts import HeadFacts, facts_of
from proxy.web.same_head import SAME, SameHead

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
NOON_US = int(NOON.timestamp()) * 1_000_000
LINES = [(b"authorization", b"Bearer outlay_alice"), (b"content-length", b"5"), (b"x-a", b"1")]


def rules(expires: datetime | None = None) -> Rules:
    key = Key("k1", digest(b"outlay_alice"), "alice", OwnerKind.PERSON, ("p",), role=Role.DEVELOPER, expires=expires)
    policies = PolicySet("v", keys={key.hash: key})
    return Rules(policies, price_book(policies))


def scope(same: SameHead | None = None, length: bytes = b"5") -> dict[str, Any]:
    lines = [LINES[0], (b"content-length", length), LINES[2]]
    path = b"/v1/chat/completions"
    found = {"method": "POST", "headers": lines, "raw_path": path, "query_string": b""}
    return {**found, SAME: same} if same is not None else found


def same_head() -> SameHead:
    return SameHead(b"", b"", {}, LINES, 1)


def known(given: dict[str, Any], by: Rules, at_us: int = NOON_US) -> tuple[HeadFacts, int | None]:
    return facts_of(given, by, (OpenAI(),), at_us)


def test_the_same_head_is_looked_at_once_and_its_body_has_a_length_of_its_own() -> None:
    by, same = rules(), same_head()
    first, length = known(scope(same), by)
    again, longer = known(scope(same, b"70"), by)
    assert again is first
    assert (length, longer) == (5, 70)
    assert b"content-length" not in first.headers
    assert isinstance(first.identity, Identity)


def test_another_head_is_looked_at_each_time() -> None:
    by = rules()
    assert known(scope(), by)[0] is not known(scope(), by)[0]
    assert known(scope(length=b"7"), by)[1] == 7


def test_other_rules_look_again() -> None:
    same = same_head()
    assert known(scope(same), rules())[0] is not known(scope(same), rules())[0]


def test_a_key_that_has_come_to_its_end_opens_nothing_any_more() -> None:
    by, same = rules(expires=NOON + timedelta(seconds=1)), same_head()
    assert isinstance(known(scope(same), by)[0].identity, Identity)
    assert isinstance(known(scope(same), by, NOON_US + 999_999)[0].identity, Identity)
    assert isinstance(known(scope(same), by, NOON_US + 1_000_000)[0].identity, Refusal)


def test_lines_that_are_sent_are_made_once_for_each_credential() -> None:
    facts, _ = known(scope(), rules())
    plain, ours = facts.sent(None), facts.sent((b"authorization", b"Bearer sk-1"))
    assert plain == ((b"x-a", b"1"),)
    assert ours == ((b"x-a", b"1"), (b"authorization", b"Bearer sk-1"))
    assert isinstance(ours, SentLines)
    assert facts.sent((b"authorization", b"Bearer sk-1")) is ours
    for number in range(5):
        assert facts.sent((b"authorization", b"%d" % number))[-1][1] == b"%d" % number

"""What is kept for calls of one head is what would be worked out for each of them."""

from dataclasses import dataclass, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.dialects.openai import OpenAI
from proxy.dialects.openai_operations import CHAT, MODERATIONS
from proxy.gateway.admitted import Incoming
from proxy.gateway.call_facts import CallFacts, Known, Unknown
from proxy.gateway.headers import client_product, narrowing, retry_count, trace
from proxy.gateway.rules import Rules
from proxy.gateway.standing import STANDINGS_MAX, Head
from proxy.metering.fingerprint import fingerprint
from proxy.model.call import Hold, Request
from proxy.model.identity import Identity, OwnerKind, Project, Purpose, Role
from proxy.policy.evaluate import evaluate
from proxy.policy.rules import RuleSet, Scope, Window
from proxy.policy.types import PolicySet, PricePolicy, Provider, Secret
from proxy.policy.verdict import Asked, Weight
from tests.fakes.clock import FakeClock
from tests.fakes.counters import a_budget
from tests.unit.policy.test_evaluate import rule

HOUR_US = 3_600_000_000
PROVIDERS = {
    name: Provider(name, "openai", f"https://{name}.example", Secret("none"), default_for=globs)
    for name, globs in (("openai", ()), ("local", ("llama-*",)))
}
CHECKOUT = Project("checkout", "payments", "CC-1", repositories=("github.com/acme/checkout",))
SEARCH = Project("search", "", "CC-2", Purpose.RUN, repositories=("github.com/acme/search",))
ALICE = Identity("k_alice", "alice", OwnerKind.PERSON, Role.DEVELOPER, "payments", (CHECKOUT, SEARCH))
BOB = Identity("k_bob", "bob", OwnerKind.SERVICE, Role.ADMIN, "data", (SEARCH,))
MODELS = ("gpt-4o", "gpt-4-old", "llama-3", "m" * 30)
RULES = RuleSet(
    budgets=(
        a_budget("all", 10**9),
        a_budget("hours", 500, per=("user", "tags.t"), window=Window("hour")),
        a_budget("search", 700, scope=Scope({"project": ("search",)}), window=Window("day")),
    ),
    models=(
        rule("old", deny=("gpt-4-*",)),
        rule("dear", cost_max_pico=110, context_tokens_max=100),
        rule("bobs", scope=Scope({"user": ("bob",)}), allow=("gpt-*",)),
        rule("tagged", scope=Scope({"tags.t": ("x",)}), output_tokens_max=10),
        rule("tried", mode="shadow", scope=Scope({"client": ("curl",)}), deny=("*",)),
    ),
)


@dataclass(frozen=True)
class Key:
    id: str = "h1"
    secret: bytes = b"secret"


def sets() -> list[Rules]:
    policies = PolicySet("one", providers=PROVIDERS, rules=RULES)
    laxer = replace(policies, version="two", rules=RuleSet(), prices=PricePolicy("refuse", "prices.yaml:1"))
    return [Rules(policies, None), Rules(laxer, None)]  # type: ignore[arg-type]  # nothing here is priced


def pick(*values: bytes) -> Any:
    return st.sampled_from((b"", *values))


heads = st.fixed_dictionaries(
    {
        b"x-outlay-project": pick(b"checkout", b"search"),
        b"x-outlay-repo": pick(b"github.com/acme/search"),
        b"x-outlay-tags": pick(b"t=x", b"t=y,u=z"),
        b"x-outlay-session": pick(b"s1"),
        b"user-agent": pick(b"curl/8", b"OpenAI/Python 2.54.0"),
        b"x-stainless-retry-count": pick(b"2"),
    }
)
calls = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from((ALICE, BOB)),
        st.sampled_from(MODELS),
        st.sampled_from((0, 60, HOUR_US // 2, 30 * HOUR_US)),
        st.integers(50, 120),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=150)
@given(heads, calls, st.booleans())
def test_a_call_stands_as_if_it_were_the_first(
    headers: dict[bytes, bytes], came: list[tuple[int, Identity, str, int, int]], free: bool
) -> None:
    """Also where a head were kept longer than it is: for another key, under other rules."""
    head, both, clock = Head(headers), sets(), FakeClock()
    facts, operation = CallFacts(clock, Key()), MODERATIONS if free else CHAT
    for which, identity, model, later_us, weight in came:
        clock.advance(later_us)
        rules = both[which]
        incoming = Incoming(OpenAI(), operation, "", headers, b"", False, b"/v1/x", b"")
        request = Request(model, content=(b"hello",), session="in the body", commit="c")
        first, again = (
            facts.gathered(rules, replace(incoming, head=kept), identity, asked=request) for kept in (None, head)
        )
        assert replace(again.call, id="") == replace(first.call, id="")
        if isinstance(again, Unknown) or isinstance(first, Unknown):
            assert isinstance(again, Unknown)
            assert isinstance(first, Unknown)
            assert again.refusal == first.refusal
            continue
        assert again.provider is first.provider
        asked = Asked(
            lambda _instead, limit, weight=weight: Weight(Hold(weight, weight, limit or 5), priced=weight % 3 > 0),
            lambda weight=weight: weight - 1,
            known_as=("gpt-4-alias",) if weight % 2 else (),
            free=free,
        )
        instead = "gpt-4-smaller" if weight % 7 == 0 else ""
        fresh = sets()[which]
        verdict = evaluate(fresh.policies, fresh.matcher, again.call, asked, instead)
        assert again.standing.verdict(again.call, asked, instead) == verdict


def test_each_field_of_a_call_is_what_its_name_says() -> None:
    names = (*("repo", "branch", "commit", "work-item", "justification"),)
    headers = {b"x-outlay-" + name.encode(): name.encode() for name in names}
    headers |= {
        b"user-agent": b"curl/8",
        b"x-stainless-retry-count": b"3",
        b"x-outlay-tags": b"k=v",
        b"traceparent": b"00-%b-%b-01" % (b"a" * 32, b"b" * 16),
    }
    incoming = Incoming(OpenAI(), CHAT, "", headers, b"", False, b"/v1/x", b"")
    request = Request("gpt-4o", stream=True, content=(b"hi",), session="s", agent="a", commit="c", repository="r")
    known = CallFacts(FakeClock(), Key()).gathered(sets()[0], incoming, ALICE, asked=request)
    assert isinstance(known, Known)
    call, stated = known.call, narrowing(headers)
    assert (call.dialect, call.operation, call.model, call.stream) == ("openai", "chat", "gpt-4o", True)
    assert (call.provider, call.account, call.policy) == ("openai", "openai", "one")
    assert (call.key_id, call.owner, call.owner_kind) == ("k_alice", "alice", "person")
    assert (call.team, call.project, call.cost_center, call.purpose) == ("payments", "checkout", "CC-1", "build")
    assert (call.session, call.agent, call.repository) == ("s", "a", stated.repository)
    assert (call.branch, call.commit, call.work_item) == ("branch", "commit", "work-item")
    assert (call.justification, call.tags) == ("justification", {"k": "v"})
    assert (call.client, call.retry, call.trace) == (client_product(headers), retry_count(headers), trace(headers))
    assert (call.fingerprint, call.hash_key) == (fingerprint(b"secret", (b"hi",)), "h1")
    assert call.id.startswith("call_")
    assert call.opened_us == FakeClock().now_us()


def test_a_head_keeps_few_models() -> None:
    head, rules = Head({}), sets()[0]
    incoming = Incoming(OpenAI(), CHAT, "", {}, b"", False, b"/v1/x", b"", head=head)
    facts = CallFacts(FakeClock(), Key())
    for number in range(3 * STANDINGS_MAX):
        facts.gathered(rules, incoming, ALICE, asked=Request(f"gpt-{number}"))
    kept = [head.standing(rules, ALICE, Request(f"gpt-{number}")) for number in range(3 * STANDINGS_MAX)]
    assert 0 < sum(each is not None for each in kept) <= STANDINGS_MAX

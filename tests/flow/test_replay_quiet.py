"""What a replay leaves out because it can be in nobody's way makes no difference to what it finds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.adapters.facts_duckdb import DuckFacts
from proxy.adapters.prices_litellm import price_book
from proxy.app.replaying import replayed
from proxy.gateway.rules import Rules
from proxy.policy.types import PolicySet
from proxy.replay.accounts import Courses
from proxy.replay.proving import quiet_for
from proxy.replay.standing import Standing
from tests.flow import replay_traffic
from tests.flow.test_replay import budgets, models, policies_of

UNTIL_US = 2**62
SINCE_US = replay_traffic.START_US + 12 * replay_traffic.HOUR_US

_WINDOWS = st.sampled_from(["hour", "day", "week", "month", "total", "1h", "24h", "7d"])
_PER = st.sampled_from(["", "per: user, ", "per: [team, user], ", "per: tags.env, "])
_FOR = st.sampled_from(
    ["", "applies_to: {model: gpt-4o}, ", "applies_to: {user: alice}, ", "applies_to: {tags: {env: test}}, "]
)
_LIMITS = st.one_of(
    st.integers(1, 300).map(lambda cents: f"{cents / 100} USD"),
    st.integers(1, 200_000).map(lambda tokens: f"{tokens} tokens"),
    st.integers(1, 60).map(lambda calls: f"{calls} calls"),
)
_ACTIONS = st.sampled_from(
    [
        "",
        ", warn_at: [50%, 90%]",
        ", mode: shadow",
        ", action: warn",
        ", action: throttle",
        ", on_cap: finish, reserve: 5%",
        ", downgrade: {to: gpt-4o-mini}",
        ", downgrade: {to: gpt-4.1-nano}",
    ]
)
_BUDGETS = st.lists(st.tuples(_FOR, _PER, _LIMITS, _WINDOWS, _ACTIONS), max_size=4)
_RATES = st.lists(
    st.tuples(
        _FOR,
        _PER,
        st.one_of(
            st.integers(1, 20).map(lambda most: f"requests_per_minute: {most}"),
            st.integers(1, 40_000).map(lambda most: f"tokens_per_minute: {most}"),
            st.integers(1, 20).map(lambda most: f"concurrent: {most}"),
        ),
        st.sampled_from(["", ", mode: shadow"]),
    ),
    max_size=3,
)
_MODELS = st.lists(
    st.sampled_from(
        [
            "output_tokens_max: 300", "output_tokens_max: 20000", "cost_max: 0.01 USD", "context_tokens_max: 1500",
            "applies_to: {user: bob}, deny: [gpt-4o]", "applies_to: {team: two}, downgrade: {to: gpt-4o-mini}",
            "deny: [gpt-4o], mode: shadow", "applies_to: {team: one}, downgrade: {to: gpt-4o}",
        ]
    ),
    max_size=3,
    unique=True,
)  # fmt: skip


@st.composite
def files(draw: st.DrawFn) -> dict[str, str]:
    lines = ["timezone: Europe/Berlin", "budgets:"]
    for n, (scope, per, limit, window, drawn) in enumerate(draw(_BUDGETS)):
        action = drawn
        if limit.endswith("calls"):
            action = ", count_refused: true" if "warn" in drawn else ""
        elif "throttle" in action and window in ("week", "month", "total", "7d"):
            action = ""
        lines.append(f"  - {{name: b{n}, {scope}{per}limit: {limit}, window: {window}{action}}}")
    lines.append("limits:")
    for n, (scope, per, limit, mode) in enumerate(draw(_RATES)):
        lines.append(f"  - {{name: r{n}, {scope}{per}{limit}{mode}}}")
    text = "\n".join(lines).replace("budgets:\nlimits", "budgets: []\nlimits")
    text += " []" if text.endswith("limits:") else ""
    rules = [f"name: m{n}, {rule}" for n, rule in enumerate(draw(_MODELS))]
    return {"budgets.yaml": text + "\n", **(models(*rules) if rules else {})}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("facts")


@settings(max_examples=12)
@given(files=files(), seed=st.integers(0, 10**6), calls=st.integers(1, 60))
def test_a_replay_that_asks_only_what_may_be_in_the_way_finds_the_same(folder, files, seed, calls):
    policies, file = policies_of(files), replay_traffic.a_file(folder / "facts.parquet", seed, calls)
    quick, whole = (_replayed(policies, file, quietly=quietly) for quietly in (True, False))
    assert quick == whole


def _replayed(policies: PolicySet, file, *, quietly: bool):
    return replayed(policies, file, since_us=SINCE_US, until_us=UNTIL_US, progress=lambda _: None, quietly=quietly)


def test_only_accounts_near_their_limit_are_asked(tmp_path):
    policies = policies_of(budgets("name: day, limit: 9 USD, window: day, per: user"))
    file = replay_traffic.a_file(tmp_path / "facts.parquet", 7, 300, busy="bob")
    with DuckFacts(file, policies.rules) as facts:
        rules = Rules(policies, price_book(policies))
        standings = {number: Standing(rules, kind) for number, kind in facts.kinds().items()}
        quiet = quiet_for(policies.rules, facts, standings, {})
        asked = set()
        courses = Courses(rules.matcher.windows)
        courses.leave_out(quiet)
        for standing in standings.values():
            standing.leave_out(courses)
            asked |= {(charge.account.instance, quiet.account(charge)) for charge in standing.charges(SINCE_US)}
    assert asked == {(("bob",), False), (("alice",), True), (("alice's agent",), True)}

"""Balances against a sum made by hand: same calls, same rules, other arithmetic."""

import random
from collections import Counter
from dataclasses import replace
from fnmatch import fnmatchcase
from zoneinfo import available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.journal.codec import encode
from proxy.ledger.balances import TooManyAccountsError, balances
from proxy.model.entry import Cost, Refused
from proxy.model.usage import KINDS, Usage
from proxy.policy.charge import Account
from proxy.policy.rules import DIMENSIONS, Unit, Window
from proxy.policy.windows import bounds, buckets
from proxy.ports.balances import BEGINNING, BUDGETS_MAX, AskedBudget, Place, Standing
from tests.fakes import facts
from tests.fakes.segments import MemorySegments
from tests.flow.ledger_world import a_loader, a_store

CALLS = 3000
NOW_US = facts.OPENED_US
YEAR_US = 366 * 86_400_000_000
HUGE = 2**62
VALUES = {
    "owner": ("alice", "bob", "Alice", "ci-[1]", "checkout-api", ""),
    "team": ("payments", "pay", "search", "Ünïcode", "a*b", "a?b", "[x]", ""),
    "project": ("checkout", "checkout-2", "search"),
    "key_id": tuple(f"k_{n}" for n in range(7)),
    "provider": ("openai", "anthropic", "local"),
    "model": ("gpt-5.1", "gpt-5.1-mini", "claude-sonnet-5", "llama]3", "GPT-5.1"),
    "dialect": ("openai", "anthropic"),
    "cost_center": ("CC-42", "CC-4", ""),
    "purpose": ("build", "run"),
    "operation": ("chat", "messages", "batch", "batch_polled"),
    "client": ("OpenAI/Python", "claude-cli", "x" * 190, "a\nb"),
}
FIELD = {"user": "owner", "key": "key_id"}
GLOBS = (
    *("*", "?*", "", "pay*", "pay?", "*search*", "[ap]*", "[!p]*", "a[*]b", "a*b", "[[]x]", "*]*", "check*-?"),
    *("gpt-5.1", "gpt-5.1*", "alice", "[A-a]lice", "Ünï*", "CC-4?", "k_[0-3]", "PAY-1", "openai", "checkout", "bob"),
)


def made_up(dice, number):
    """One call, settled or refused, at any time within a year before and an hour after now."""
    tags = dict(
        dice.sample([("ticket", "PAY-1"), ("ticket", "PAY-2"), ("env", "prod"), ("env", "")], dice.randint(0, 3))
    )
    call = facts.a_call(
        f"call_{number}",
        opened_us=NOW_US - dice.choice((YEAR_US, 40 * 86_400_000_000, 3_600_000_000)) + dice.randrange(YEAR_US // 300),
        tags=tags,
        **{name: dice.choice(values) for name, values in VALUES.items()},
    )
    if dice.random() < 0.1:
        return Refused(call, 400, "refused_by_policy", "budgets.yaml:3", "No.", dice.choice(((), ("a rule",))))
    pico = dice.choice((0, 1, dice.randrange(10**12), HUGE))
    usage = Usage(**{kind: dice.randrange(10_000) for kind in dice.sample(KINDS, 5)})
    if dice.random() < 0.01:
        usage = replace(usage, input_text=HUGE, cache_read=HUGE, output_text=HUGE)
    return replace(facts.a_settled(), call=call, usage=usage, cost=Cost(pico, {"input_text": pico}, "list:x"))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A store with the calls of two nodes loaded, each with its node."""
    dice = random.Random(11)
    entries = [("mine" if dice.random() < 0.7 else "theirs", made_up(dice, number)) for number in range(CALLS)]
    segments = MemorySegments()
    for node in ("mine", "theirs"):
        lines = [encode(entry) for of, entry in entries if of == node]
        segments.write(lines[: len(lines) // 2], node, 7, 1)
        segments.write(lines[len(lines) // 2 :], node, 7, 2)
    with a_store(tmp_path_factory.mktemp("balances")) as store:
        loader = a_loader(store, segments)
        loader.run_once()
        assert loader.progress.quarantined == 0
        yield store, entries, segments


def by_hand(entries, asked):
    """The same sum, one call after another."""
    totals, own = Counter(), Counter()
    for node, entry in entries:
        call = entry.call
        seen = {name: getattr(call, FIELD.get(name, name)) for name in DIMENSIONS}
        seen |= {f"tags.{name}": value for name, value in call.tags.items()}
        # The journal keeps no line breaks.
        seen = {name: value.replace("\n", " ") for name, value in seen.items()}
        if not asked.since_us <= call.opened_us < asked.until_us:
            continue
        if not all(
            any(fnmatchcase(seen.get(name, ""), glob) for glob in globs) for name, globs in asked.conditions.items()
        ):
            continue
        start = call.opened_us - call.opened_us % asked.bucket_us if asked.bucket_us else asked.since_us
        account = Account(asked.budget, tuple(seen.get(name, "") for name in asked.per), start)
        amount = amount_of(entry, asked)
        totals[account] += amount
        own[account] += amount * (node == "mine")
    return {account: Standing(total, own[account]) for account, total in totals.items() if total}


def amount_of(entry, asked):
    if isinstance(entry, Refused):
        return int(asked.count_refused and asked.unit is Unit.CALLS and bool(entry.matched))
    if asked.unit is Unit.CALLS:
        return 1
    return entry.cost.total_pico if asked.unit is Unit.USD else entry.usage.prompt_tokens + entry.usage.output_tokens


dimensions = st.sampled_from((*DIMENSIONS, "tags.ticket", "tags.env", "tags.nobody's'"))
calendar = st.builds(
    Window,
    st.sampled_from(("hour", "day", "week", "month", "quarter", "year", "total")),
    st.sampled_from(sorted(available_timezones())),
)
rolling = st.builds(
    Window, st.just("rolling"), st.just("UTC"), st.sampled_from((60, 3600, 86_400, 30 * 86_400, 86_399))
)


@st.composite
def questions(draw):
    asked = []
    for number in range(draw(st.integers(1, 6))):
        window = draw(calendar | rolling)
        at_us = NOW_US - draw(st.sampled_from((0, 1, 3_600_000_000, 30 * 86_400_000_000)))
        if window.kind == "rolling":
            cut = buckets(window, at_us)
            times = {"since_us": cut.first_us, "until_us": cut.last_us + cut.size_us, "bucket_us": cut.size_us}
        else:
            since_us, until_us = bounds(window, at_us)
            times = {"since_us": since_us, "until_us": until_us}
        asked.append(
            AskedBudget(
                budget=f"budget-{number}",
                conditions=draw(
                    st.dictionaries(
                        dimensions, st.lists(st.sampled_from(GLOBS), min_size=1, max_size=3).map(tuple), max_size=3
                    )
                ),
                per=tuple(draw(st.lists(dimensions, max_size=3, unique=True))),
                unit=draw(st.sampled_from(Unit)),
                count_refused=draw(st.booleans()),
                **times,
            )
        )
    return asked


@settings(max_examples=60)
@given(asked=questions())
def test_balances_are_the_sum_of_the_calls_that_their_budgets_are_for(world, asked):
    store, entries, _ = world
    known = balances(store, asked, "mine", BEGINNING, 30)
    assert known.accounts == {account: spent for each in asked for account, spent in by_hand(entries, each).items()}


def total(name="all", **given):
    plain = {
        "conditions": {},
        "per": (),
        "unit": Unit.USD,
        "count_refused": False,
        "since_us": 0,
        "until_us": 2**63 - 1,
    }
    return AskedBudget(name, **(plain | given))


def test_amounts_are_exact_beyond_64_bits(world):
    store, entries, _ = world
    spent = balances(store, [total()], "mine", BEGINNING, 30).accounts[Account("all", (), 0)]
    assert spent.total == sum(entry.cost.total_pico for _, entry in entries if not isinstance(entry, Refused)) > 2**64


def test_the_position_is_that_of_the_sums_from_the_segment_asked_on(world):
    store, _, segments = world
    sizes = {
        (boot, number): len(stored.data) for (node, boot, number), stored in segments.stored.items() if node == "mine"
    }
    assert balances(store, [total()], "mine", BEGINNING, 30).loaded == sizes
    assert balances(store, [total()], "mine", Place(7, 2, 5), 30).loaded == {(7, 2): sizes[7, 2]}
    assert balances(store, [], "nobody", BEGINNING, 30).loaded == {}


def test_what_is_too_much_for_one_answer_is_said_and_not_cut(world):
    store, _, _ = world
    with pytest.raises(TooManyAccountsError, match="at most"):
        balances(store, [total(str(n)) for n in range(BUDGETS_MAX + 1)], "mine", BEGINNING, 30)
    with pytest.raises(TooManyAccountsError, match="at most"):
        balances(store, [total(str(n), since_us=n) for n in range(101)], "mine", BEGINNING, 30)


def test_a_sum_is_never_of_another_moment_than_its_position(tmp_path):
    """Every answer while lines come in: the sum is that of exactly the bytes it says are counted."""
    segments = MemorySegments()
    lines = [encode(replace(facts.a_settled(f"call_{n}"), cost=Cost(1, {"input_text": 1}, "x"))) for n in range(300)]
    ends = {0: 0}
    for count, line in enumerate(lines, 1):
        ends[count] = ends[count - 1] + len(line)
    with a_store(tmp_path) as store:
        loader = a_loader(store, segments)
        for at in range(0, 300, 30):
            segments.write(lines[at : at + 30], "mine", 1, 1)
            loader.run_once()
            known = balances(store, [total()], "mine", BEGINNING, 30)
            count = known.accounts[Account("all", (), 0)].own
            assert known.loaded == {(1, 1): ends[count]}
            assert count == at + 30

"""What is kept from one call to the next, of heads, rules, accounts and limits, changes nothing that becomes of any."""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

import httpx
import respx
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.adapters.prices_litellm import price_book
from proxy.gateway.rules import Rules
from proxy.policy.keys import digest
from proxy.policy.load import RULES, load
from proxy.policy.types import PolicySet
from proxy.web.same_head import SAME, SameHead
from tests.flow.world import POLICIES, World

MINUTE_US: Final = 60_000_000
KEYS: Final = """
keys:
  - {{id: k_alice, hash: "{alice}", user: alice, projects: [{projects}]}}
  - {{id: k_bob, hash: "{bob}", user: bob, projects: [search], {more}}}
"""
BUDGETS: Final = """
budgets:
  - {{name: hourly, limit: {hourly}, window: hour, per: user, warn_at: [50%]}}
  - {{name: tagged, limit: 4 calls, window: 1h, per: tags.env, applies_to: {{project: search}}, mode: {mode}}}
  - {{name: all, limit: 1 USD, window: day}}
limits:
  - {{name: often, per: [key, tags.env], requests_per_minute: {often}}}
"""
MODELS: Final = """
models:
  - {{name: old, deny: ["{denied}"], applies_to: {{client: "curl*"}}, mode: {mode}}}
  - {{name: short, output_tokens_max: {output}, applies_to: {{tags: {{env: prod}}}}}}
"""


def files(
    *,
    projects: str = "checkout, search",
    more: str = "revoked: false",
    hourly: str = "0.0004 USD",
    mode: str = "enforce",
    often: int = 4,
    denied: str = "gpt-4o",
    output: int = 500,
    prices: str = "",
) -> Mapping[str, str]:
    alice, bob = (digest(f"outlay_{name}".encode()) for name in ("alice", "bob"))
    return {
        "keys.yaml": KEYS.format(alice=alice, bob=bob, projects=projects, more=more),
        "budgets.yaml": BUDGETS.format(hourly=hourly, mode=mode, often=often),
        "models.yaml": MODELS.format(denied=denied, mode=mode, output=output),
        "prices.yaml": prices or "unpriced: hold_ceiling",
    }


def made(given_: Mapping[str, str]) -> Rules:
    loaded = load({**POLICIES, **given_}, enforced=frozenset(RULES))
    assert isinstance(loaded, PolicySet), loaded
    return Rules(loaded, price_book(loaded))


SETS: Final = [
    made(each)
    for each in (
        files(),
        files(projects="search", more="revoked: true", hourly="0.0002 USD"),
        files(mode="shadow", often=2, output=50),
        # FakeClock begins at 2027-01-15 08:00.
        files(more="expires: 2027-01-15T10:00:00Z", hourly="3 calls", denied="wide-*", prices="unpriced: refuse"),
        files(hourly="1 USD", often=50, projects="checkout"),
    )
]
HEADS: Final = [
    [(b"authorization", b"Bearer outlay_" + owner), (b"user-agent", b"curl/8"), *more]
    for owner in (b"alice", b"bob")
    for more in (
        [],
        [(b"x-outlay-tags", b"env=prod")],
        [(b"x-outlay-project", b"search"), (b"x-outlay-tags", b"env=dev")],
    )
]
MODELS_ASKED: Final = ("gpt-4o-mini", "gpt-4o", "llama-3", "never-heard-of")


class Side:
    """One gateway. `keeping`: it has what it kept of the calls before, as on connections that stay open; else each call
    comes on a connection of its own, under rules that no call was asked under before."""

    def __init__(self, *, keeping: bool) -> None:
        router = respx.MockRouter(assert_all_called=False)
        router.route().mock(side_effect=_served)
        self.world, self.keeping = World(router), keeping
        self.heads = [SameHead(b"", b"", {}, lines, len(lines)) for lines in HEADS]
        self.app = replace(self.world.app, rules=self.rules)
        self.swap(SETS[0])

    def rules(self) -> Rules:
        return self.in_force if self.keeping else Rules(self.policies, self.in_force.prices)

    def swap(self, rules: Rules) -> None:
        """Other rules are other objects each time, as those that are read from files."""
        self.policies = replace(
            rules.policies,
            rules=replace(rules.policies.rules, budgets=tuple(map(replace, rules.policies.rules.budgets))),
        )
        self.in_force = Rules(self.policies, rules.prices)
        self.world.counters.reload(self.in_force.charges_of)

    async def call(self, which: int, model: str, output: int) -> object:
        body = json.dumps({"model": model, "max_tokens": output, "messages": [{"role": "user", "content": "hi"}]})
        scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "query_string": b""}
        scope |= {"raw_path": b"/v1/chat/completions", "http_version": "1.1"}
        scope["headers"] = [*HEADS[which], (b"content-length", b"%d" % len(body))]
        if self.keeping:
            scope[SAME] = self.heads[which]
        told: list[Any] = []
        came = iter([{"type": "http.request", "body": body.encode(), "more_body": False}])

        async def receive() -> Any:
            return next(came, None) or await asyncio.Event().wait()

        async def send(message: Any) -> None:
            told.append(message)

        seen = len(self.world.journal.entries)
        await self.app(scope, receive, send)
        world = self.world
        found = (
            told,
            world.journal.entries[seen:],
            sorted(map(repr, world.counters.accounts())),
            world.counters.held_pico,
        )
        return re.sub(r"call_[0-9a-f]+", "call", repr(found))


def _served(request: httpx.Request) -> httpx.Response:
    output = json.loads(request.content)["max_tokens"]
    usage = {"prompt_tokens": 9, "completion_tokens": output, "total_tokens": 9 + output}
    said = {"message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop", "index": 0}
    return httpx.Response(200, json={"id": "c", "model": "m", "choices": [said], "usage": usage})


steps = st.lists(
    st.tuples(
        st.sampled_from(["call"] * 8 + ["swap", "wait", "wait"]),
        st.sampled_from([0, 0, 3, 3, *range(len(HEADS))]),
        st.sampled_from([0, 0, 0, *range(len(MODELS_ASKED))]),
        st.sampled_from((1, 40, 300)),
    ),
    min_size=8,
    max_size=30,
)


async def _lived(came: list[tuple[str, int, int, int]]) -> None:
    kept, anew = Side(keeping=True), Side(keeping=False)
    for step, which, model, amount in came:
        if step == "call":
            asked = partial(Side.call, which=which, model=MODELS_ASKED[model], output=amount)
            assert await asked(kept) == await asked(anew)
            continue
        for side in (kept, anew):
            if step == "swap":
                side.swap(SETS[(which + model) % len(SETS)])
            else:
                side.world.clock.advance(amount * MINUTE_US)


@settings(max_examples=40)
@given(steps)
def test_what_is_kept_changes_nothing_that_becomes_of_a_call(came: list[tuple[str, int, int, int]]) -> None:
    asyncio.run(_lived(came))

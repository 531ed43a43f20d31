"""The small company of the demo: who works there, in which projects, and what its two weeks look like.

Invented from end to end, and the same on every run: the plan follows from the days and a seed. It has what real weeks
have: agent sessions that grow by a turn a call, services with daily rhythm, a nightly job, retries after errors,
hang-ups; and what costs money without need: an agent that repeats one call, a timer that sums up the same text again.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from proxy.cli.demo import words

DAYS: Final = 14
SEED: Final = 7
_LATEST: Final = timedelta(minutes=20)
"""Before the end nothing is begun any more, so that the last calls are over when the play is."""


@dataclass(frozen=True, slots=True)
class Member:
    name: str
    team: str
    projects: tuple[str, ...]
    service: bool = False


MEMBERS: Final = (
    Member("alice", "payments", ("checkout", "fraud")),
    Member("bob", "payments", ("checkout",)),
    Member("carol", "search", ("ranking", "indexing")),
    Member("dan", "search", ("ranking",)),
    Member("erin", "mobile", ("app",)),
    Member("frank", "mobile", ("app", "checkout")),
    Member("checkout-api", "payments", ("checkout-live",), service=True),
    Member("indexer", "search", ("indexing",), service=True),
    Member("repo-summary", "search", ("ranking",), service=True),
)

ACCESS_YAML: Final = """\
# The people, services and projects of the demo. None of them exists.
people:
  alice: {team: payments, roles: [developer], aliases: [alice@example.com]}
  bob: {team: payments, roles: [developer]}
  carol: {team: search, roles: [developer, finance]}
  dan: {team: search}
  erin: {team: mobile}
  frank: {team: mobile}
service_accounts:
  checkout-api: {team: payments}
  indexer: {team: search}
  repo-summary: {team: search}
projects:
  checkout:
    {team: payments, cost_center: CC-10, members: [alice, bob, frank], repositories: [github.com/acme/checkout]}
  fraud: {team: payments, cost_center: CC-10, members: [alice], repositories: [github.com/acme/fraud]}
  checkout-live: {team: payments, cost_center: CC-11, members: [checkout-api], purpose: run}
  ranking:
    {team: search, cost_center: CC-20, members: [carol, dan, repo-summary], repositories: [github.com/acme/ranking]}
  indexing: {team: search, cost_center: CC-20, members: [carol, indexer], purpose: run}
  app: {team: mobile, cost_center: CC-30, members: [erin, frank], repositories: [github.com/acme/app]}
"""


@dataclass(frozen=True, slots=True)
class Planned:
    """One call to make."""

    at: datetime
    who: str
    path: str
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)
    hang_up: bool = False
    """The caller goes away in the middle of the stream."""


def plan(until: datetime) -> list[Planned]:
    """The calls of the days before `until`, in order of time."""
    random = Random(SEED)  # noqa: S311  # a play, no secret
    midnight = until.replace(hour=0, minute=0, second=0, microsecond=0)
    calls: list[Planned] = []
    for back in range(DAYS, -1, -1):
        day = midnight - timedelta(days=back)
        calls += _day(day, random)
    since = until - timedelta(days=DAYS)
    return sorted((call for call in calls if since <= call.at < until - _LATEST), key=lambda call: call.at)


def _day(day: datetime, random: Random) -> Iterator[Planned]:
    working = day.weekday() < 5
    yield from _checkout_api(day, random)
    yield from _indexer(day, random)
    yield from _repo_summary(day)
    if not working:
        return
    for member, repository, tool in _AGENTS:
        for _ in range(random.randint(0, 4)):
            start = day + timedelta(hours=random.uniform(8.5, 17), seconds=random.uniform(0, 60))
            yield from _session(tool, member, repository, start, random.randint(6, 24), random)
    for member, model in _CHATS:
        for _ in range(random.randint(1, 4)):
            yield _chat(member, model, day + timedelta(hours=random.uniform(8.5, 18)), random)
    if day.weekday() == 2:
        yield from _looping_agent(day + timedelta(hours=15.2))


_AGENTS: Final = (
    ("alice", "checkout", "claude"),
    ("bob", "checkout", "codex"),
    ("carol", "ranking", "claude"),
    ("dan", "ranking", "codex"),
    ("erin", "app", "claude"),
    ("frank", "app", "claude"),
)
_CHATS: Final = (("alice", "gpt-5-mini"), ("dan", "gpt-5"), ("erin", "gpt-5-mini"), ("dan", "acme-experimental-1"))
BRANCHES: Final = ("main", "feature/refunds", "fix/timeouts", "feature/onboarding")


def _session(tool: str, member: str, repository: str, start: datetime, turns: int, random: Random) -> Iterator[Planned]:
    """An agent's conversation: each call carries the whole of it, most of which the provider has cached."""
    session = f"{random.getrandbits(64):016x}"
    headers = {
        "x-outlay-repo": f"github.com/acme/{repository}",
        "x-outlay-branch": random.choice(BRANCHES),
        "x-outlay-session": session,
        "user-agent": "claude-cli/2.1.0" if tool == "claude" else "codex_cli_rs/0.98.0",
    }
    context, at, said = random.randint(30_000, 70_000), start, [words.task(random)]
    for turn in range(turns):
        fresh = random.randint(800, 5_000)
        made = {**headers, **_said(random.randint(300, 3_000), cached=context if turn else 0)}
        if tool == "claude":
            made["x-standin-cache-write-5m"] = str(fresh if turn else context)
        said += [words.command(random), words.result(random)] if turn else []
        yield Planned(at, member, *_agent_call(tool, said), made, hang_up=random.random() < 0.02)
        if random.random() < 0.03:
            yield Planned(
                at + timedelta(seconds=20), member, *_agent_call(tool, said), {**made, "x-standin-status": "529"}
            )
        context += fresh
        at += timedelta(seconds=random.uniform(20, 160))


def _agent_call(tool: str, said: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """`said`: the person's task, then in turn what the agent ran and what came of it."""
    ran = list(zip(said[1::2], said[2::2], strict=True))
    task = {"role": "user", "content": said[0]}
    if tool == "claude":
        turns = [turn for number, pair in enumerate(ran) for turn in _claude_turn(f"toolu_{number}", *pair)]
        body = {"model": "claude-sonnet-4-5", "max_tokens": 8000, "stream": True, "messages": [task, *turns]}
        return "/v1/messages", body
    turns = [turn for number, pair in enumerate(ran) for turn in _codex_turn(f"call_{number}", *pair)]
    return "/v1/responses", {"model": "gpt-5.1-codex", "stream": True, "input": [task, *turns]}


def _claude_turn(name: str, command: str, printed: str) -> list[dict[str, Any]]:
    used = {"type": "tool_use", "id": name, "name": "Bash", "input": {"command": command}}
    result = {"type": "tool_result", "tool_use_id": name, "content": printed}
    return [{"role": "assistant", "content": [used]}, {"role": "user", "content": [result]}]


def _codex_turn(name: str, command: str, printed: str) -> list[dict[str, Any]]:
    arguments = json.dumps({"command": command})
    return [
        {"type": "function_call", "call_id": name, "name": "shell", "arguments": arguments},
        {"type": "function_call_output", "call_id": name, "output": printed},
    ]


def _chat(member: str, model: str, at: datetime, random: Random) -> Planned:
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": words.question(random)}]}
    return Planned(at, member, "/v1/chat/completions", body, _said(random.randint(100, 900)))


def _checkout_api(day: datetime, random: Random) -> Iterator[Planned]:
    """Answers customers, most of them in the evening; a few answers fail and are asked for again."""
    for hour in range(7, 24):
        for _ in range(random.randint(0, 2) + (2 if 17 <= hour <= 21 else 0)):
            at = day + timedelta(hours=hour, seconds=random.uniform(0, 3600))
            body = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": words.order(random)}]}
            made = {**_said(random.randint(200, 900), cached=12_288), "x-outlay-tags": "env=prod"}
            if random.random() < 0.02:
                yield Planned(at, "checkout-api", "/v1/chat/completions", body, {**made, "x-standin-status": "429"})
                at += timedelta(seconds=2)
            yield Planned(at, "checkout-api", "/v1/chat/completions", body, made)


def _indexer(day: datetime, random: Random) -> Iterator[Planned]:
    for number in range(12):
        texts = [words.article(random) for _ in range(24)]
        body = {"model": "text-embedding-3-small", "input": texts}
        yield Planned(day + timedelta(hours=2, seconds=20 * number), "indexer", "/v1/embeddings", body)


def _repo_summary(day: datetime) -> Iterator[Planned]:
    """A timer that nobody looks at any more: the same text, every two hours, also on Sunday."""
    body = {"model": "gpt-5", "messages": [{"role": "user", "content": "Sum up the repository acme/ranking."}]}
    for hour in range(0, 24, 2):
        headers = {**_said(700), "x-standin-cached": "180000", "x-outlay-session": "nightly"}
        yield Planned(day + timedelta(hours=hour), "repo-summary", "/v1/chat/completions", body, headers)


def _looping_agent(start: datetime) -> Iterator[Planned]:
    """Forty times the same step, until somebody notices."""
    text = "Read config.yaml again and try the same command."
    headers = {
        "x-outlay-repo": "github.com/acme/app",
        "x-outlay-branch": "fix/timeouts",
        "x-outlay-session": f"loop-{start:%Y%m%d}",
        "user-agent": "claude-cli/2.1.0",
        **_said(400, cached=140_000),
    }
    for step in range(40):
        yield Planned(start + timedelta(seconds=15 * step), "erin", *_agent_call("claude", [text]), headers)


def _said(output: int, cached: int = 0) -> dict[str, str]:
    """An answer of so many tokens, few of which the stand-in really sends: the rest counts as reasoning."""
    visible = min(output, 12)
    headers = {"x-standin-tokens": str(visible), "x-standin-reasoning": str(output - visible)}
    return headers | ({"x-standin-cached": str(cached)} if cached else {})

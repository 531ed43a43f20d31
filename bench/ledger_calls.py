"""Calls for the bench of the ledger: agents' sessions of people who each have a key, a team, two projects and a model.

As many sessions run at once as make some two calls a minute each, so that a larger ledger is one of more people and not
of busier ones. Journals are written as the codec writes them; what is more than a journal can be made of in reasonable
time is written in bulk, block by block, with the loader's own statements for sums and positions.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from proxy.adapters.store_duckdb import DuckStore
from proxy.journal.codec import encode
from proxy.journal.positions import Mark, SegmentName, Stage, format_mark
from proxy.ledger.marking import mark_brought
from proxy.ledger.summing import MERGE_EVERY_US, Summing, sum_up
from proxy.model.call import Call, Hold
from proxy.model.entry import Cost, Opened, Outcome, Settled, Timing
from proxy.model.usage import KINDS, Served, Usage

START_US: Final = 1_780_012_800_000_000
"""2026-05-29 00:00 UTC."""
DAY_US: Final = 86_400_000_000
SPAN_US: Final = 90 * DAY_US
"""What the calls of one ledger are spread over."""
SEGMENT_BYTES: Final = 64 * 1024 * 1024
CALLS_A_MINUTE: Final = 2
"""Of a session."""
SESSION_CALLS: Final = (5, 200)
PEOPLE_A_SESSION: Final = 8
"""How many people there are for each session that runs."""
MODELS: Final = ("gpt-5.1", "gpt-5.1-mini", "claude-sonnet-4-5")


@dataclass(slots=True)
class Session:
    person: int
    project: int
    model: str
    id: str
    left: int


def _session(dice: random.Random, people: int) -> Session:
    person = dice.randrange(people)
    model = MODELS[person % 3] if dice.random() < 0.8 else dice.choice(MODELS)
    project = (person * 7 + (dice.random() < 0.3)) % max(4, people // 4)
    return Session(person, project, model, f"{dice.getrandbits(128):032x}", dice.randint(*SESSION_CALLS))


def calls(spread_us: int, dice: random.Random, start_us: int = START_US) -> Iterator[tuple[Opened, Settled]]:
    """Without end, `spread_us` apart."""
    running = max(2, round(60_000_000 / spread_us / CALLS_A_MINUTE))
    sessions = [_session(dice, running * PEOPLE_A_SESSION) for _ in range(running)]
    opened_us = start_us
    while True:
        at = dice.randrange(running)
        yield _call(sessions[at], opened_us, dice)
        opened_us += spread_us
        sessions[at].left -= 1
        if not sessions[at].left:
            sessions[at] = _session(dice, running * PEOPLE_A_SESSION)


def _call(of: Session, opened_us: int, dice: random.Random) -> tuple[Opened, Settled]:
    call = Call(
        id=f"call_{opened_us // 1000:012x}{dice.getrandbits(80):020x}",
        opened_us=opened_us,
        dialect="anthropic" if of.model.startswith("claude") else "openai",
        operation="messages" if of.model.startswith("claude") else "chat",
        provider="anthropic" if of.model.startswith("claude") else "openai",
        account="main",
        model=of.model,
        stream=True,
        key_id=f"k_{of.person:08x}",
        owner=f"person-{of.person}",
        owner_kind="person",
        team=f"team-{of.person % 20}",
        project=f"project-{of.project}",
        cost_center=f"CC-{of.project % 10}",
        purpose="build",
        policy="a" * 32,
        session=of.id,
        repository=f"github.com/acme/service-{of.project}",
        branch="main",
        client="claude-cli" if of.person % 2 else "OpenAI/Python",
        fingerprint=f"{dice.getrandbits(128):032x}",
        hash_key="19630f83",
        tags={"env": ("prod", "dev")[of.project % 2]},
    )
    usage = Usage(
        input_text=dice.randrange(3000),
        cache_read=dice.randrange(90_000),
        output_text=dice.randrange(800),
        reasoning=dice.randrange(300),
    )
    by_kind = {kind: getattr(usage, kind) * 1_500_000 for kind in KINDS if getattr(usage, kind)}
    settled = Settled(
        call=call,
        settled_us=opened_us + 1_200_000,
        outcome=Outcome.OK,
        status=200,
        usage=usage,
        served=Served(
            model=f"{of.model}-2026-01-01", service_tier="default", request_id=f"req_{dice.getrandbits(96):x}"
        ),
        cost=Cost(sum(by_kind.values()), by_kind, f"list:3f2a:{of.model}"),
        estimated=False,
        timing=Timing(2_000, 300_000, 1_200_000),
        matched=("payments-month",),
    )
    return Opened(call, Hold(10**10, 1000, 1000)), settled


def write_journal(folder: Path, count: int, spread_us: int, name: str = "bench", start_us: int = START_US) -> int:
    """A journal of sealed segments as the codec writes them; bytes written."""
    node = folder / name
    node.mkdir(parents=True)
    entries = calls(spread_us, random.Random(name), start_us)
    number = written = left = 0
    while left < count:
        number, size = number + 1, 0
        with (node / SegmentName(1, number).file).open("wb") as out:
            for opened, settled in islice(entries, count - left):
                lines = encode(opened) + encode(settled)
                out.write(lines)
                size, left = size + len(lines), left + 1
                if size > SEGMENT_BYTES:
                    break
        (node / SegmentName(1, number).mark_file).write_bytes(format_mark(Mark(size, Stage.RECOVERED)))
        written += size
    return written


_COPY: Final = """
INSERT INTO calls
SELECT c.* REPLACE (
    $load AS load, c.id || '-' || $number AS id, c.opened_us + $shift AS opened_us, c.settled_us + $shift AS settled_us
)
FROM calls AS c
WHERE load <= $base
"""


def multiply(store: DuckStore, rows: int, span_us: int) -> None:
    """In bulk: the calls that there are, which take `span_us`, again and again, each time as much later; each time as
    one load, summed up and merged as the loader does it."""
    ((count, base),) = store.read("SELECT count(*), max(load) FROM calls")
    summing = Summing()
    for number in range(1, rows // count):
        with store.transaction() as change:
            load = base + number
            summing.merge(change, load, number * 2 * MERGE_EVERY_US)
            change.execute(_COPY, {"load": load, "number": number, "shift": number * span_us, "base": base})
            sum_up(change, load)
            mark_brought(change, load, found=True)
            change.execute("UPDATE positions SET load = $load", {"load": load})

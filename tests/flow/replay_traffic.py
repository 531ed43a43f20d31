"""Made-up facts of a replay: calls of few people within days, some of them refused, free, long or jobs."""

import json
import random
from pathlib import Path

import duckdb

from proxy.replay.details import NAMES, NUMBERS

START_US = 1_780_272_000_000_000
HOUR_US = 3_600_000_000
_SCHEMA = """
    replayed BOOLEAN, opened_us BIGINT, settled_us BIGINT, "user" VARCHAR, team VARCHAR, project VARCHAR, "key" VARCHAR,
    provider VARCHAR, model VARCHAR, dialect VARCHAR, cost_center VARCHAR, purpose VARCHAR, operation VARCHAR,
    client VARCHAR, tags MAP(VARCHAR, VARCHAR), stream BOOLEAN, refused BOOLEAN, job BOOLEAN, free BOOLEAN,
    unpriced BOOLEAN, unlimitable BOOLEAN, moved BOOLEAN, cost_pico BIGINT, tokens BIGINT, calls BIGINT,
    refused_calls BIGINT, hold_pico BIGINT, hold_input BIGINT, hold_output BIGINT, expected_tokens BIGINT,
    output_max BIGINT, context_tokens BIGINT, details VARCHAR
"""


def a_file(path: Path, seed: int, calls: int, *, busy: str = "") -> Path:
    """`busy`: a person whose calls cost a hundred times as much."""
    draw = random.Random(seed)
    opened = sorted(START_US + 12 * HOUR_US + _moment(draw) for _ in range(calls))
    rows = [_before(draw) for _ in range(3)] + [_call(draw, each, busy) for each in opened]
    base = duckdb.connect(":memory:", config={"threads": 1})
    base.execute(f"CREATE TABLE facts ({_SCHEMA})")
    base.executemany(f"INSERT INTO facts VALUES ({', '.join('?' * len(rows[0]))})", rows)
    base.execute(f"COPY facts TO '{path}' (FORMAT parquet)")
    base.close()
    return path


def _moment(draw: random.Random) -> int:
    """Often within the same minutes."""
    spread = draw.choice([30_000_000, 10 * 60_000_000, 60 * HOUR_US])
    return draw.randrange(spread) + draw.choice([0, 24, 30]) * HOUR_US


def _who(draw: random.Random) -> list[object]:
    person = draw.choice(["alice", "bob", "alice's agent"])
    team = draw.choice(["one", "two"])
    model = draw.choice(["gpt-4o", "gpt-4o", "gpt-4o-mini"])
    tags = {"env": draw.choice(["test", "prod"])}
    return [person, team, f"of {team}", f"k {person}", "openai", model, "openai", "", "", "chat", "", tags]


def _before(draw: random.Random) -> list[object]:
    at_us = START_US + draw.randrange(12) * HOUR_US
    sums = [draw.randrange(10**10), draw.randrange(20_000), draw.randrange(5), draw.randrange(2)]
    return [False, at_us, 0, *_who(draw), *[False] * 7, *sums, 0, 0, 0, 0, 0, 0, ""]


def _call(draw: random.Random, opened_us: int, busy: str) -> list[object]:
    who, stream, refused = _who(draw), draw.random() < 0.5, draw.random() < 0.1
    job, free, moved = (draw.random() < 0.05 for _ in range(3))
    old, unlimitable = (draw.random() < 0.1 for _ in range(2))
    took_us = draw.choice([0, 1_000_000, 40_000_000, 2 * HOUR_US, -5])
    read, put_out = draw.randrange(2000), draw.randrange(1, 600)
    cost = 0 if free or refused else (read * 2_500_000 + put_out * 10_000_000) * (100 if who[0] == busy else 1)
    tokens = 0 if refused else read + put_out
    limit = draw.choice([None, 100, 600, 4000])
    held_out = 0 if free else draw.choice([limit or 1000, 10])
    hold = 0 if free else (read * 4 + 1024) * 2_500_000 + held_out * 10_000_000
    held_in = 0 if free else read * 4 + 1024
    expected = 0 if free else draw.choice([read + held_out, 5])
    numbers: dict[str, int | None] = dict.fromkeys(NUMBERS)
    numbers |= {"hold_pico": hold, "hold_input": held_in, "hold_output": held_out, "expected": expected}
    numbers |= {"input_bytes": read * 4, "output_max": limit, "free": 1 if free else None}
    numbers |= {"unlimitable": 1 if unlimitable else None}
    names = dict.fromkeys(NAMES) | {"sent": "gpt-4o-mini" if moved else None}
    usage = [0] * 15 if refused else [read, *[0] * 6, put_out, *[0] * 7]
    details = json.dumps([list(numbers.values()), list(names.values()), usage, ["", "", "", ""]])
    if old:
        # From before asks were recorded: what is on record stands for them.
        details = json.dumps([None, None, usage, ["", "", "", ""]])
        limit, moved, unlimitable, expected, read_then = None, False, False, tokens, 0 if refused else read
        hold, held_in, held_out, read = cost, read_then, tokens - read_then, read_then // 4
    flags = [stream, refused, job, free, False, unlimitable, moved]
    sums = [cost, tokens, 1 - refused, int(refused), hold, held_in, held_out, expected]
    return [True, opened_us, opened_us + took_us, *who, *flags, *sums, -1 if limit is None else limit, read, details]

"""How fast a replay goes: `python -m bench.replay [--calls 1000000] [--mix usual]`.

Calls of 30 days by 200 people in 20 projects stand in a real database. Their facts are written as `policy replay`
has them written, and the rules of each mix (bench/replay_mixes.py) are run over them twice: prints calls a second of
CPU and of clock, the most memory that the replay took, and whether both runs gave the same bytes. Needs no server.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from bench.replay_mixes import MIXES, policies
from proxy.adapters.store_duckdb import DATABASE_FILE, DuckStore
from proxy.app.replaying import replayed
from proxy.ledger.replay_facts import history_of, write_facts
from proxy.ledger.schema import migrate

START_US: Final = 1_780_272_000_000_000
"""2026-06-01 00:00 UTC."""
DAY_US: Final = 86_400_000_000
DAYS: Final = 30

_FILL: Final = """
INSERT INTO calls BY NAME
WITH drawn AS (
    SELECT n, hash(n, 1) % 200 AS person, (person + hash(n, 2) % 3) % 20 AS place, hash(n, 3) % 10 AS dice,
        (hash(n, 4) % 90000)::BIGINT AS input, (hash(n, 5) % 1500)::BIGINT AS output
    FROM range($calls) AS numbers(n)
)
SELECT
    1 AS load, 'bench' AS node, 1 AS boot, 1 AS number, n AS line_offset, 'call_' || n AS id,
    $start_us + n * $step_us AS opened_us, 'openai' AS dialect, 'chat' AS operation, 'openai' AS provider,
    'openai' AS account, if(dice < 6, 'gpt-5-mini', 'gpt-5.1') AS model, dice < 8 AS stream,
    'k_' || person AS key_id, 'person-' || person AS owner, 'person' AS owner_kind,
    'team-' || (place % 10) AS team, 'project-' || place AS project, 'CC-42' AS cost_center, 'build' AS purpose,
    'p' AS policy, '' AS session, '' AS agent, '' AS repository, '' AS branch, '' AS commit_id, '' AS work_item,
    '' AS justification, 'OpenAI/Python' AS client, 0 AS retry, '' AS fingerprint, '' AS hash_key,
    MAP {'env': if(hash(n, 6) % 50 = 0, 'test', 'prod')} AS tags,
    false AS refused, '' AS reason, '' AS rule, '' AS message,
    opened_us + 1000000 + (hash(n, 7) % 30000000)::BIGINT AS settled_us, 'ok' AS outcome, 200 AS status,
    input // 4 AS input_text, 0 AS input_audio, 0 AS input_image, input - input // 4 AS cache_read,
    0 AS cache_read_audio, 0 AS cache_write_5m, 0 AS cache_write_1h, output AS output_text, 0 AS reasoning,
    0 AS output_audio, 0 AS output_image, 0 AS web_search,
    model AS served_model, 'default' AS service_tier, '' AS region, '' AS speed, '' AS request_id,
    input * 500000::BIGINT + output * 10000000::BIGINT AS cost_pico,
    0 AS cost_input_text, 0 AS cost_input_audio, 0 AS cost_input_image, 0 AS cost_cache_read,
    0 AS cost_cache_read_audio, 0 AS cost_cache_write_5m, 0 AS cost_cache_write_1h, 0 AS cost_output_text,
    0 AS cost_reasoning, 0 AS cost_output_audio, 0 AS cost_output_image, 0 AS cost_web_search,
    'list' AS price_id, false AS unpriced, false AS estimated,
    0 AS upstream_us, 0 AS first_byte_us, 0 AS total_us, [] AS edits, ['company-month'] AS matched,
    {
        hold_pico: (input * 4 + 1024) * 1250000::BIGINT + 20000000000, hold_input: input * 4 + 1024, hold_output: 2000,
        expected: input + 1000, input_bytes: input * 4, output_max: if(dice = 9, NULL, 16000),
        thinking_max: NULL::BIGINT, unseen: NULL::BIGINT, choices: NULL::BIGINT, searches: NULL::BIGINT,
        background: NULL::BIGINT, spoken: NULL::BIGINT, unpriced: NULL::BIGINT, free: NULL::BIGINT,
        unlimitable: NULL::BIGINT, input_audio: NULL::BIGINT, input_image: NULL::BIGINT, output_audio: NULL::BIGINT,
        output_image: NULL::BIGINT, input_audio_ms: NULL::BIGINT, input_characters: NULL::BIGINT,
        output_images: NULL::BIGINT, tier: NULL::VARCHAR, region: NULL::VARCHAR, speed: NULL::VARCHAR,
        variant: NULL::VARCHAR, sent: NULL::VARCHAR
    } AS ask
FROM drawn
"""


def fill(store: DuckStore, calls: int) -> None:
    migrate(store, START_US)
    with store.transaction() as change:
        step_us = DAYS * DAY_US // calls
        change.execute(_FILL, {"calls": calls, "start_us": START_US, "step_us": step_us})


def replay(facts: Path, mix: str, calls: int) -> None:
    """One run, in a process of its own: prints what it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    done: list[int] = []
    result = replayed(policies(mix, calls), facts, since_us=START_US + DAY_US, until_us=2**62, progress=done.append)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    digest = hashlib.sha256(repr(result).encode()).hexdigest()[:16]
    print(
        f"{mix}: {result.calls:,} calls: {result.calls / cpu:,.0f} a second of CPU, "
        f"{result.calls / wall:,.0f} of clock"
        f"; {peak_mib():,.0f} MiB; {result.refused:,} refused, {len(result.counts):,} groups; sha256 {digest}"
    )
    did: dict[str, int] = {}
    for group, count in result.counts.items():
        did[group.did] = did.get(group.did, 0) + count.calls
    print("  " + ", ".join(f"{name} {calls:,}" for name, calls in sorted(did.items())))


def peak_mib() -> float:
    """The most memory that this process had; what `getrusage` tells is also that of the one it was started by."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--facts", type=Path, help="replay these facts once (what the runs are started with)")
    parser.add_argument("--mix", choices=MIXES, action="append", help="only these (as often as you like)")
    given = parser.parse_args()
    mixes = given.mix or list(MIXES)
    if given.facts:
        for mix in mixes:
            replay(given.facts, mix, given.calls)
        return
    with tempfile.TemporaryDirectory(prefix="outlay-bench-") as folder:
        store, facts = DuckStore(Path(folder) / DATABASE_FILE), Path(folder) / "facts.parquet"
        fill(store, given.calls)
        since_us = START_US + DAY_US
        history = history_of(policies("usual", given.calls).rules.budgets, since_us)
        start = time.perf_counter()
        rows = write_facts(store, facts, since_us=since_us, until_us=2**62, history=history, timeout_s=600)
        store.close()
        mib = facts.stat().st_size / 2**20
        print(f"facts of {rows:,} rows written in {time.perf_counter() - start:.1f} s, {mib:.0f} MiB", flush=True)
        same = [_twice(facts, mix, given.calls) for mix in mixes]
    sys.exit(not all(same))


def _twice(facts: Path, mix: str, calls: int) -> bool:
    """Whether two runs, each in a process of its own, gave the same bytes."""
    command = [sys.executable, "-m", "bench.replay", "--facts", str(facts), "--mix", mix, "--calls", str(calls)]
    runs = [subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(2)]
    same = len({run.rsplit("sha256", 1)[1] for run in runs}) == 1
    print(*runs, "both runs gave the same bytes\n" if same else "THE RUNS DIFFER\n", sep="", end="", flush=True)
    return same


if __name__ == "__main__":
    main()

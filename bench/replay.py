"""How fast a replay goes: `python -m bench.replay [--calls 1000000]`.

Calls of 30 days by 300 people in 80 projects stand in a real database. Their facts are written as `policy replay`
has them written, and 20 rules are run over them twice for each of three mixes of limits: prints calls a second of
CPU and of clock, the most memory that the replay took, and whether both runs gave the same bytes. Needs no server.
"""

import argparse
import hashlib
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from proxy.adapters.store_duckdb import DATABASE_FILE, DuckStore
from proxy.app.replaying import replayed
from proxy.ledger.replay_facts import history_of, write_facts
from proxy.ledger.schema import migrate
from proxy.policy.load import load
from proxy.policy.types import PolicySet

START_US: Final = 1_780_272_000_000_000
"""2026-06-01 00:00 UTC."""
DAY_US: Final = 86_400_000_000
DAYS: Final = 30

_BUDGETS: Final = """
timezone: Europe/Berlin
budgets:
  - {name: company-month, limit: 250000 USD, window: month, warn_at: [80%]}
  - {name: team-month, per: team, limit: 9500 USD, window: month}
  - {name: project-day, per: project, limit: 90 USD, window: day}
  - {name: user-day, per: user, limit: 30 USD, window: day}
  - {name: user-week, per: user, limit: 100 USD, window: 7d, mode: shadow}
  - {name: big-models, applies_to: {model: gpt-5.1}, limit: 30000 USD, window: month, per: project}
  - {name: team-1-tokens, applies_to: {team: team-1}, limit: 900M tokens, window: month}
  - {name: team-2-calls, applies_to: {team: team-2}, limit: 60000 calls, window: month}
  - {name: checkout, applies_to: {project: project-7}, limit: 100 USD, window: week}
  - {name: evaluations, applies_to: {tags: {env: test}}, limit: 10 USD, window: hour}
limits:
  - {name: per-key, per: key, requests_per_minute: 60, tokens_per_minute: 3M}
  - {name: team-3-rate, applies_to: {team: team-3}, per: user, requests_per_minute: 3}
  - {name: project-9-rate, applies_to: {project: project-9}, tokens_per_minute: 1M}
  - {name: at-once, applies_to: {team: team-4}, per: user, concurrent: 2}
"""
_MODELS: Final = """
models:
  - {name: no-opus, deny: [claude-opus-*]}
  - {name: team-5-small, applies_to: {team: team-5}, deny: [gpt-5.1]}
  - {name: short, output_tokens_max: 32k}
  - {name: context, context_tokens_max: 400k}
  - {name: dear, cost_max: 20 USD}
  - {name: team-6-down, applies_to: {team: team-6, model: gpt-5.1}, downgrade: {to: gpt-5-mini}}
"""
POLICIES: Final = {
    "providers.yaml": "providers:\n"
    "  openai: {dialect: openai, base_url: 'https://api.openai.test', api_key: {env: OPENAI_API_KEY}}\n",
    "budgets.yaml": _BUDGETS,
    "models.yaml": _MODELS,
}

_FILL: Final = """
INSERT INTO calls BY NAME
WITH drawn AS (
    SELECT n, hash(n, 1) % 300 AS person, (person + hash(n, 2) % 3) % 80 AS place, hash(n, 3) % 10 AS dice,
        (hash(n, 4) % 90000)::BIGINT AS input, (hash(n, 5) % 1500)::BIGINT AS output
    FROM range($calls) AS numbers(n)
)
SELECT
    1 AS load, 'bench' AS node, 1 AS boot, 1 AS number, n AS line_offset, 'call_' || n AS id,
    $start_us + n * $step_us AS opened_us, 'openai' AS dialect, 'chat' AS operation, 'openai' AS provider,
    'openai' AS account, if(dice < 6, 'gpt-5-mini', 'gpt-5.1') AS model, dice < 8 AS stream,
    'k_' || person AS key_id, 'person-' || person AS owner, 'person' AS owner_kind,
    'team-' || (place % 20) AS team, 'project-' || place AS project, 'CC-42' AS cost_center, 'build' AS purpose,
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


TIGHT: Final = {
    "limit: 900M tokens, window: month": "per: user, limit: 500k tokens, window: day",
    "limit: 60000 calls, window: month": "per: user, limit: 40 calls, window: day",
}
MIXES: Final[dict[str, dict[str, str]]] = {
    "usual": {},
    "tight": TIGHT,
    "worst": {
        **TIGHT,
        "250000 USD": "25000 USD",
        "9500 USD": "1200 USD",
        "90 USD": "11 USD",
        "30 USD": "2.5 USD",
        "limit: 100 USD, window: 7d": "limit: 18 USD, window: 7d",
        "30000 USD": "150 USD",
        "requests_per_minute: 60,": "requests_per_minute: 2,",
    },
}
"""What each changes of the rules: in `tight` a tenth of the people (two teams of twenty) fill a budget of theirs every
day; in `worst` every account is filled, or nearly."""


def policies(mix: str = "usual") -> PolicySet:
    files = dict(POLICIES)
    for usual, changed in MIXES[mix].items():
        assert usual in files["budgets.yaml"], usual
        files["budgets.yaml"] = files["budgets.yaml"].replace(usual, changed)
    loaded = load(files)
    assert isinstance(loaded, PolicySet), loaded
    return loaded


def fill(store: DuckStore, calls: int) -> None:
    migrate(store, START_US)
    with store.transaction() as change:
        step_us = DAYS * DAY_US // calls
        change.execute(_FILL, {"calls": calls, "start_us": START_US, "step_us": step_us})


def replay(facts: Path, mix: str) -> None:
    """One run, in a process of its own: prints what it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    done: list[int] = []
    result = replayed(policies(mix), facts, since_us=START_US + DAY_US, until_us=2**62, progress=done.append)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    digest = hashlib.sha256(repr(result).encode()).hexdigest()[:16]
    print(
        f"{mix}: {result.calls:,} calls: {result.calls / cpu:,.0f} a second of CPU, "
        f"{result.calls / wall:,.0f} of clock"
        f"; {memory:,.0f} MiB; {result.refused:,} refused, {len(result.counts):,} groups; sha256 {digest}"
    )
    did: dict[str, int] = {}
    for group, count in result.counts.items():
        did[group.did] = did.get(group.did, 0) + count.calls
    print("  " + ", ".join(f"{name} {calls:,}" for name, calls in sorted(did.items())))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--facts", type=Path, help="replay these facts once (what the runs are started with)")
    parser.add_argument("--mix", choices=MIXES, default="usual", help="of --facts")
    given = parser.parse_args()
    if given.facts:
        return replay(given.facts, given.mix)
    with tempfile.TemporaryDirectory(prefix="outlay-bench-") as folder:
        store, facts = DuckStore(Path(folder) / DATABASE_FILE), Path(folder) / "facts.parquet"
        fill(store, given.calls)
        since_us = START_US + DAY_US
        history = history_of(policies().rules.budgets, since_us)
        start = time.perf_counter()
        rows = write_facts(store, facts, since_us=since_us, until_us=2**62, history=history, timeout_s=600)
        store.close()
        mib = facts.stat().st_size / 2**20
        print(f"facts of {rows:,} rows written in {time.perf_counter() - start:.1f} s, {mib:.0f} MiB", flush=True)
        same = [_twice(facts, mix) for mix in MIXES]
    sys.exit(not all(same))


def _twice(facts: Path, mix: str) -> bool:
    """Whether two runs, each in a process of its own, gave the same bytes."""
    command = [sys.executable, "-m", "bench.replay", "--facts", str(facts), "--mix", mix]
    runs = [subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(2)]
    same = len({run.rsplit("sha256", 1)[1] for run in runs}) == 1
    print(*runs, "both runs gave the same bytes\n" if same else "THE RUNS DIFFER\n", sep="", end="", flush=True)
    return same


if __name__ == "__main__":
    main()

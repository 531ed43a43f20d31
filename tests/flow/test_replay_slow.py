"""The replay engine finds what a plain loop over the calls finds, rule by rule and to the pico-dollar."""

from datetime import UTC, datetime

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.adapters.prices_litellm import price_book
from proxy.app.replaying import replayed
from proxy.gateway.rules import Rules
from tests.fakes.slow_replay import DAY_US, SlowReplay
from tests.flow import replay_traffic
from tests.flow.test_replay import policies_of
from tests.flow.test_replay_quiet import SINCE_US, UNTIL_US, files

SUMS = ("calls", "cost_pico", "refused", "refused_pico", "passed_again", "passed_again_pico")
MONEY = ("refused_then", "unruled_pico", "spent_pico")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("facts")


REFUSED_THEN = {
    "budgets.yaml": "timezone: Europe/Berlin\nbudgets:\n"
    + "".join(f"  - {{name: b{n}, limit: 0.01 USD, window: hour}}\n" for n in range(3))
    + "limits: []\n",
    "models.yaml": "models:\n  - {name: m0, output_tokens_max: 20000}\n",
}
"""A call of which nothing but its refusal is on record is made to fit twice: by a model rule, by budgets."""


@settings(max_examples=20)
@example(files=REFUSED_THEN, seed=405, calls=5, quietly=False)
@given(files=files(), seed=st.integers(0, 10**6), calls=st.integers(1, 60), quietly=st.booleans())
def test_the_engine_finds_what_a_plain_loop_finds(folder, files, seed, calls, quietly):
    policies, file = policies_of(files), replay_traffic.a_file(folder / "facts.parquet", seed, calls)
    result = replayed(policies, file, since_us=SINCE_US, until_us=UNTIL_US, progress=lambda _: None, quietly=quietly)
    slow = SlowReplay(Rules(policies, price_book(policies)), rows_of(file), SINCE_US)
    found = {
        (group.rule, group.project, group.day, group.did): [
            count.calls, count.cost_pico, count.saved_pico, count.estimated_calls
        ]
        for group, count in result.counts.items()
    }  # fmt: skip
    assert found == {(rule, project, day(n), did): sums for (rule, project, n, did), sums in slow.counts.items()}
    assert {name: getattr(result, name) for name in SUMS + MONEY} == {name: slow.sums[name] for name in SUMS + MONEY}


def rows_of(file):
    """In the order of the file; tags as a table."""
    with duckdb.connect(":memory:", config={"threads": 1}) as base:
        read = base.execute("SELECT * FROM read_parquet($file)", {"file": str(file)})
        names = [column[0] for column in read.description]
        return [dict(zip(names, row, strict=True)) for row in read.fetchall()]


def day(number):
    return datetime.fromtimestamp(number * DAY_US // 1_000_000, UTC).strftime("%Y-%m-%d")

"""The soak, in short: real processes, all kinds of calls; every count agrees, and nothing that is opened stays open."""

import asyncio
from pathlib import Path

from bench.crash_load import Ended
from bench.soak import soak, table


def test_everyone_counts_the_same_and_no_handle_is_left(tmp_path: Path) -> None:
    found = asyncio.run(soak(tmp_path, calls=600, minutes=0, seed=1))
    assert found.good, table(found)
    # Else nothing was tried.
    assert found.witnesses.made == 600
    assert found.verdict.settled > 300
    assert found.equal.refused > 20
    assert found.equal.recorded_tokens > 10_000
    assert all(sum(each.recorded.values()) for each in found.equal.sums)
    assert set(Ended) - {Ended.UNANSWERED} <= set(found.witnesses.ended)
    assert found.watch.samples[-1].calls == 600
    assert found.watch.unanswered == []
    assert "gateway: memory" in table(found)

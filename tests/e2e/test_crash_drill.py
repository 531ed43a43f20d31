"""kill -9 of both planes under load, in real processes: the bench, shorter."""

import asyncio
from pathlib import Path

from bench.crash import drill
from bench.crash_load import Ended


def test_kills_lose_no_call_and_count_none_twice(tmp_path: Path) -> None:
    """Both planes are killed, then the gateway alone; one of them again while it starts."""
    verdict, witnesses, story, off_pico = asyncio.run(drill(tmp_path, rounds=2, rate=200, seed=11))
    assert set(story.struck) == {"gateway", "both"}
    assert story.while_starting > 0
    assert verdict.good, verdict
    assert story.compared == 2
    assert story.differing == []
    assert off_pico == 0
    # Else nothing was tried.
    assert verdict.settled > 100
    assert set(Ended) - {Ended.REFUSED, Ended.UNANSWERED} <= set(witnesses.ended)

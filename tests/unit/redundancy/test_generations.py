"""The detector under another key every two weeks."""

from itertools import count

import pytest
from sent_calls import Played

from proxy.redundancy.bounds import DAY_US
from proxy.redundancy.detector import Detector
from proxy.redundancy.findings import Judgement
from proxy.redundancy.generations import EPOCH_US, OVERLAP_US, Generations
from proxy.redundancy.snapshot import SnapshotError

EPOCH = 1_800_000_000_000_000 // EPOCH_US + 1
PROMPT = "Summarise the depot's last week, please, town by town."


def key_of(epoch: int) -> bytes:
    return b"key %d" % epoch


def played(at_us: int, generations: Generations) -> Played:
    found = Played(now_us=at_us)
    found.detector = generations  # type: ignore[assignment]  # decides and learns as one
    return found


def hourly(calls: Played, times: int) -> list[Judgement]:
    return [calls.send(PROMPT, wait_s=600) for _ in range(times)]


def test_a_repeat_over_the_change_is_seen_as_if_there_was_none() -> None:
    start_us = EPOCH * EPOCH_US - 3_600_000_000
    turning = hourly(played(start_us, Generations(key_of)), 12)
    plain = Played(detector=Detector(b"one key"), now_us=start_us)
    assert turning == hourly(plain, 12)
    assert turning[-1].flagged


def test_what_is_kept_under_a_key_ends_with_it() -> None:
    generations = Generations(key_of)
    calls = played(EPOCH * EPOCH_US - OVERLAP_US - DAY_US, generations)
    hourly(calls, 8)
    assert {line.split(b" ")[0] for line in generations.state()} == {b"%d" % (EPOCH - 1)}
    calls.now_us = EPOCH * EPOCH_US - DAY_US // 2
    calls.send("Another one, about nothing in particular.")
    assert {line.split(b" ")[0] for line in generations.state()} == {b"%d" % (EPOCH - 1), b"%d" % EPOCH}
    calls.now_us = EPOCH * EPOCH_US
    assert not calls.send(PROMPT).findings
    assert {line.split(b" ")[0] for line in generations.state()} == {b"%d" % EPOCH}
    calls.now_us -= DAY_US
    assert not calls.send("What of a clock that was set back?").findings


def test_one_goes_on_where_another_was_and_drops_what_is_over() -> None:
    generations = Generations(key_of)
    calls = played(EPOCH * EPOCH_US - 3_600_000_000, generations)
    hourly(calls, 5)
    lines = list(generations.state())
    again = Generations(key_of)
    take = again.restoring(calls.now_us)
    for line in lines:
        take(line)
    other = played(calls.now_us, again)
    other.ids = count(6)
    assert hourly(other, 12) == hourly(calls, 12)
    later = Generations(key_of)
    take = later.restoring(calls.now_us + 2 * EPOCH_US)
    for line in lines:
        take(line)
    assert not list(later.state())


def test_a_line_without_its_epoch_is_none() -> None:
    with pytest.raises(SnapshotError):
        Generations(key_of).restoring(EPOCH * EPOCH_US)(b'["Prompts._table",1,2]')

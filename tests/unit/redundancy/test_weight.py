"""What the detector's memory is said to take is about what it takes."""

import random
import tracemalloc

import pytest
from sent_calls import DOCUMENT, KEY, Played

from proxy.redundancy import weight
from proxy.redundancy.bounds import DAY_US, STATE_BYTES_MAX, Recent
from proxy.redundancy.detector import Detector
from proxy.redundancy.generations import EPOCH_US, OVERLAP_US, Generations
from proxy.redundancy.marks import Marks
from proxy.redundancy.weight import weighed


def test_what_is_said_is_near_what_is_taken() -> None:
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        played = Played()
        for n in range(300):
            played.send(f"{DOCUMENT.replace('crates', f'crates of kind {n * 7919}')}\nWhat of it?", wait_s=5)
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    marks = Marks().bytes
    assert 0.7 * (taken - marks) < played.detector.bytes - marks < 1.4 * (taken - marks)


def test_an_empty_one_takes_what_is_set_aside_for_marks_only() -> None:
    assert Played().detector.bytes == Marks().bytes


def test_what_two_rows_share_counts_once() -> None:
    shared: Recent[int, tuple[bytes]] = Recent(200)
    both = (b"x" * 100_000,)
    for n in range(200):
        shared.put(n, both)
    assert 100_000 < weighed(shared) < 150_000


MIB = 1 << 20
TOWNS = [f"{name}{n}" for name in ("Ash", "Birch", "Cedar", "Dogwood", "Elm") for n in range(200)]


def short(n: int, chance: random.Random) -> tuple[str, str]:
    return f"What sold best in {' or '.join(chance.sample(TOWNS, 8))}, and why?", f"p{n % 4}"


def of_many(n: int, chance: random.Random) -> tuple[str, str]:
    """Few prompts, each by ever more callers: rows that grow."""
    return f"What does the rota say of town {n % 120}, and of wagon twelve in it?", f"p{chance.randrange(400)}"


def long(n: int, chance: random.Random) -> tuple[str, str]:
    lines = [f"Wagon {chance.randrange(10**6)} goes to {chance.choice(TOWNS)} by night." for _ in range(60)]
    return "\n".join([*lines, "What of it?"]), f"p{n % 4}"


@pytest.mark.parametrize(("kind", "calls"), [(short, 1_200), (of_many, 1_500), (long, 300)])
def test_all_that_is_remembered_stays_within_its_bytes(kind, calls: int) -> None:
    def taken(bytes_max: int) -> int:
        played, chance = Played(detector=Detector(KEY, bytes_max=bytes_max)), random.Random(1)
        # As rarely for so few bytes as it is for many.
        played.detector.scales.each_calls = 8
        for n in range(calls):
            message, owner = kind(n, chance)
            played.send(message, owner=owner, wait_s=3)
        found = played.detector.bytes - Marks().bytes
        for _ in range(6):
            judgement = played.send(f"Summarise the depot's week, please.\n{DOCUMENT}", wait_s=5)
        assert judgement.flagged
        return found

    assert taken(MIB) < 1.3 * MIB < taken(64 * MIB)


def test_two_generations_have_the_bytes_of_one() -> None:
    generations = Generations(lambda epoch: b"key %d" % epoch)
    start_us = (1_800_000_000_000_000 // EPOCH_US + 1) * EPOCH_US - OVERLAP_US
    calls = Played(now_us=start_us, detector=generations)  # type: ignore[arg-type]  # decides and learns as one
    for n in range(4 * weight.EACH_CALLS):
        calls.send(f"What sold best in town {n * 7919}, and why?", wait_s=1)
    now, following = generations._detectors.values()
    assert following.scales.bytes > 0
    assert now.scales.bytes_max + following.scales.bytes <= STATE_BYTES_MAX + weight.EACH_CALLS * 4_000
    assert following.scales.bytes_max == STATE_BYTES_MAX // 2
    calls.now_us += DAY_US
    calls.send("What of the day after?")
    assert following.scales.bytes_max == STATE_BYTES_MAX

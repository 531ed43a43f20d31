"""What the detector's memory is said to take is about what it takes."""

import tracemalloc

from sent_calls import DOCUMENT, Played

from proxy.redundancy.bounds import Recent
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

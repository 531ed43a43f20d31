"""What the detector's memory is said to take is about what it takes."""

import tracemalloc

from sent_calls import DOCUMENT, Played


def test_what_is_said_is_near_what_is_taken() -> None:
    tracemalloc.start()
    try:
        played = Played()
        before, _ = tracemalloc.get_traced_memory()
        for n in range(300):
            played.send(f"{DOCUMENT.replace('crates', f'crates of kind {n * 7919}')}\nWhat of it?", wait_s=5)
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert 0.5 * taken < played.detector.bytes < 2 * taken


def test_an_empty_one_takes_nothing() -> None:
    assert Played().detector.bytes == 0

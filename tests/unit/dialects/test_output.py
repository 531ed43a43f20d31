"""Visible output: kept by thread, bounded, whatever shape it comes in."""

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.output import KEPT_BYTES_MAX, REPLY_CHARS_MAX, Output


def test_threads_that_interleave_stay_apart() -> None:
    output = Output()
    for thread, text in [(0, "a"), (1, "x"), (0, "b"), (1, ""), (1, "ü")]:
        output.add(thread, text)
    assert output.texts() == ("ab", "xü")
    assert output.size == len("abxü".encode())


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ("plain", ("plain",)),
        ([{"type": "thinking", "thinking": [{"text": "a"}]}, {"text": "b"}, "c"], ("abc",)),
        ({"content": {"refusal": "no"}}, ("no",)),
        (None, ()),
        (7, ()),
        ([7, None, {"text": 7, "image": "x"}], ()),
    ],
)
def test_texts_are_found_in_any_shape(value: Any, texts: tuple[str, ...]) -> None:
    output = Output()
    output.add_all(0, value)
    assert output.texts() == texts


def test_depth_without_end_does_no_harm() -> None:
    value: Any = "deep"
    for _ in range(10_000):
        value = [value]
    output = Output()
    output.add_all(0, value)
    assert output.size == 0


def test_beyond_the_limit_bytes_are_counted_and_not_kept() -> None:
    output = Output()
    output.add(0, "x" * KEPT_BYTES_MAX)
    output.add(0, "more")
    output.add_binary(10)
    assert output.size == KEPT_BYTES_MAX + 14
    assert sum(map(len, output.texts())) == KEPT_BYTES_MAX


@given(pieces=st.lists(st.tuples(st.integers(0, 2), st.sampled_from((" a", "é", "word "))), max_size=60))
def test_texts_do_not_depend_on_how_many_pieces_they_came_in(pieces: list[tuple[int, str]]) -> None:
    """Each piece a hundred times: some threads are folded once and again, some never."""
    output = Output()
    for thread, text in pieces:
        for _ in range(100):
            output.add(thread, text)
    threads = list(dict.fromkeys(thread for thread, _ in pieces))
    whole = tuple("".join(text * 100 for at, text in pieces if at == thread) for thread in threads)
    assert output.texts() == whole
    assert output.reply() == "".join(whole)[:REPLY_CHARS_MAX]


def test_many_small_pieces_take_little_more_than_their_text() -> None:
    output, text = Output(), "".join((" ", "a"))
    tracemalloc.start()
    try:
        for _ in range(100_000):
            output.add(0, text[:1] + text[1:])
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 500_000

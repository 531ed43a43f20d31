"""Visible output: kept by thread, bounded, whatever shape it comes in."""

from typing import Any

import pytest

from proxy.dialects.output import KEPT_BYTES_MAX, Output


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

"""Repeats that are let pass, where that takes something to know."""

import pytest
from sent_calls import Played

PROMPT = "Write a line about the harbour of the town, please."


@pytest.mark.parametrize("temperature", [None, 0, 0.8])
def test_a_temperature_may_be_found_when_it_is_asked_for(temperature: float | None) -> None:
    told, found = Played(), Played()
    for _ in range(40):
        one = told.send(PROMPT, wait_s=0.3, ends=False, temperature=temperature)
        assert found.send(PROMPT, wait_s=0.3, ends=False, temperature=lambda: temperature) == one


def test_nobody_looks_for_the_temperature_of_what_is_no_repeat() -> None:
    looked: list[int] = []
    played = Played()
    for number in (1, 2, 3, 3):
        played.send(f"{PROMPT} Number {number}.", wait_s=0.3, ends=False, temperature=lambda: looked.append(1))
    assert looked == [1]

"""Hints in words: every class has its own, with what it cost and what to do."""

import pytest

from proxy.ledger.campaigns import Campaign
from proxy.ledger.hints import _ADVICE, _dollars, _hint
from proxy.model.waste import WASTE_CLASSES


def a_run(waste_class: str, calls: int = 14, agent: str = "") -> Campaign:
    return Campaign("c", waste_class, 1, calls, 3_200_000_000_000, 1, 2, agent=agent)


def test_every_class_has_words_of_its_own() -> None:
    assert set(_ADVICE) == set(WASTE_CLASSES)
    assert (
        len({says for says, _ in _ADVICE.values()}) == len({advice for _, advice in _ADVICE.values()}) == len(_ADVICE)
    )


@pytest.mark.parametrize("waste_class", [*WASTE_CLASSES, "of_a_newer_version"])
def test_a_hint_says_who_how_often_and_how_much(waste_class: str) -> None:
    hint = _hint(a_run(waste_class, agent="builder"))
    assert hint.says.startswith("The agent builder ")
    assert "14 times" in hint.says
    assert hint.says.endswith(": $3.20.")
    assert hint.advice.endswith(".")


def test_who_is_not_named_is_you_or_an_agent() -> None:
    assert _hint(a_run("exact_repeat", 1)).says.startswith("You sent the same prompt once more")
    assert _hint(a_run("tool_loop")).says.startswith("An agent or a script repeated one tool call 14 times in a row")


@pytest.mark.parametrize(
    ("pico", "said"),
    [
        (0, "0.00"),
        (1, "0.000000000001"),
        (12_345_678, "0.000012"),
        (440_001_320, "0.0004"),
        (10**10, "0.01"),
        (1_234_567_890_000_000, "1,234.57"),
    ],
)
def test_a_little_money_is_not_nothing(pico: int, said: str) -> None:
    assert _dollars(pico) == said

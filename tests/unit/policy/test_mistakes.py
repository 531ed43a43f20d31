"""Words in mistakes: helpful, and never a secret."""

import pytest

from proxy.policy.mistakes import MISTAKES_MAX, Mistakes, nearest, shown, suggestion


@pytest.mark.parametrize(
    "word",
    [
        "sk-ant-api03-abcdefghij",
        "sk-proj-0123456789",
        "AIzaSyA0123456789",
        "ghp_0123456789abcdefghij",
        "outlay_0123456789abcdefghij",
        "0123456789abcdef0123456789abcdef",
        "https://x:0123456789abcdef0123456789abcdef@host",
    ],
)
def test_what_may_be_a_secret_is_not_shown(word: str) -> None:
    assert word not in shown(word)
    assert "secret" in shown(word)


@pytest.mark.parametrize("word", ["teem", "openai", "skills", "checkout-api", "pkg", "alice@example.com"])
def test_ordinary_words_are_shown(word: str) -> None:
    assert shown(word) == f"'{word}'"


def test_long_words_are_cut() -> None:
    assert len(shown("word " * 100)) < 70


def test_the_nearest_word_is_named_else_what_there_is() -> None:
    assert suggestion("teem", ["team", "aliases"]) == "did you mean 'team'?"
    assert suggestion("salary", ["team", "aliases"]) == "known: team, aliases"
    assert suggestion("x", []) == "none is known"


def test_a_long_list_of_words_is_neither_shown_nor_compared_whole() -> None:
    words = [f"person{number}" for number in range(10_000)]
    assert len(suggestion("zzz", words)) < 200
    assert nearest("persn7", words).startswith("person")


def test_the_list_of_mistakes_is_bounded() -> None:
    mistakes = Mistakes("x.yaml")
    for number in range(MISTAKES_MAX + 100):
        mistakes.add_at(number, 1, "wrong")
    assert len(mistakes.found) == MISTAKES_MAX

"""Words in mistakes: helpful, and never a secret."""

import re
import string
import uuid

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

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


@pytest.mark.parametrize(
    "word",
    [
        "claude-sonnet-4-5-20250929",
        "claude-3-7-sonnet-20250219-thinking",
        "gpt-4o-mini-2024-07-18",
        "gpt-4o-mini-search-preview-2025-03-11",
        "gpt-4o-realtime-preview-2024-12-17",
        "gemini-2.5-flash-native-audio-preview-09-2025",
        "us.anthropic.claude-3-7-sonnet-20250219-v1:0",
        "anthropic.claude-opus-4-1-20250805-v1:0",
        "accounts/fireworks/models/llama-v3p1-405b-instruct",
        "accounts/fireworks/models/mixtral-8x22b-instruct",
        "meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8",
        "Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8",
        "deepseek-ai/DeepSeek-R1-0528-Distill-Qwen3-8B",
        "vertex_ai/claude-opus-4-1@20250805",
        "text-embedding-3-large-2024-01-25-eu",
    ],
)
def test_names_of_models_are_shown(word: str) -> None:
    assert shown(word) == f"'{word}'"


@given(
    st.text(string.ascii_letters + string.digits + "-_", min_size=40, max_size=64), st.sampled_from(["", "x ", "a/"])
)
def test_random_text_of_the_length_of_a_key_is_not_shown(key: str, before: str) -> None:
    parts = re.split("[-_]", key)
    # As most random keys are: some part is too long for a name, and mixed.
    assume(any(len(part) > 20 and re.search(r"\d", part) and re.search("[A-Za-z]", part) for part in parts))
    assert key not in shown(before + key)


@given(st.uuids(version=4), st.sampled_from(["", "key-"]))
def test_a_uuid_is_not_shown(key: uuid.UUID, before: str) -> None:
    assert str(key) not in shown(f"{before}{key}")


@given(st.binary(min_size=16, max_size=40))
def test_hex_is_not_shown(key: bytes) -> None:
    assume(re.search(r"\d", key.hex()) and re.search("[a-f]", key.hex()))
    assert key.hex() not in shown(key.hex())


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


@pytest.mark.parametrize("word", ["a\x1b[2Jb", "a\nb: fine", "a\x9b31m", "a\u202eb", "a\x00"])
def test_a_word_that_would_steer_a_terminal_is_shown_as_escapes(word: str) -> None:
    assert shown(word).isprintable()
    mistakes = Mistakes(f"{word}.yaml")
    mistakes.add_at(1, 1, f"{word} is wrong", "name: alice")
    first, *example = str(mistakes.found[0]).split("\n")
    assert first.isprintable()
    assert example == ["    for example: name: alice"]

"""Tokens: prompts counted by the published rule for chat messages."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.standin import tokens

# "user" and "system" are one token each, "hello world" is two.


def test_a_message_costs_three_tokens_its_role_and_its_text() -> None:
    assert tokens.of_message("user", "hello world") == 3 + 1 + 2


def test_a_name_costs_one_token_more_and_its_own() -> None:
    assert tokens.of_message("user", "hello world", "alice") == 6 + 1 + tokens.of_text("alice")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("hello", ["hello"]),
        ([{"type": "text", "text": "hello"}, {"type": "input_text", "text": " world"}], ["hello", " world"]),
        ([{"type": "tool_result", "content": [{"type": "text", "text": "hello"}]}], ["hello"]),
        ([{"type": "tool_result", "content": "hello"}], ["hello"]),
        ([{"type": "image_url", "image_url": {"url": "data:,x"}}, "stray"], []),
        (None, []),
    ],
)
def test_only_the_text_of_a_content_counts(content: object, expected: list[str]) -> None:
    assert tokens.texts(content) == expected


def test_what_looks_like_a_special_token_is_counted_by_its_letters() -> None:
    assert tokens.of_text("<|endoftext|>") > 1


@given(st.text(st.characters(max_codepoint=126, min_codepoint=32), max_size=200))
def test_an_ascii_text_splits_into_its_tokens(text: str) -> None:
    parts = tokens.split(text)
    assert "".join(parts) == text
    assert len(parts) == tokens.of_text(text)


def test_json_counts_compact() -> None:
    assert tokens.of_json({"a": [1, 2]}) == tokens.of_text('{"a":[1,2]}')


def test_litellm_is_not_imported_for_its_files() -> None:
    tokens.encoding()
    assert "litellm" not in sys.modules

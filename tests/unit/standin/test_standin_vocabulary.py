"""Vocabulary: what passed before a cut can be counted to the token."""

import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st

from proxy.standin import tokens
from proxy.standin.vocabulary import FILLER_DEFAULT, SENTENCE, WORDS, pieces

seeds = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("name", ["o200k_base", "cl100k_base"])
def test_every_piece_is_one_token(name: str) -> None:
    tokens.encoding()  # points tiktoken at the bundled files
    encoding = tiktoken.get_encoding(name)
    assert [piece for piece in (*SENTENCE, *WORDS) if len(encoding.encode_ordinary(piece)) != 1] == []


def test_no_word_stands_twice() -> None:
    assert len(set(WORDS)) == len(WORDS)


@given(seeds, st.integers(0, 300), st.integers(0, 300))
def test_any_prefix_of_an_answer_counts_as_its_pieces(seed: int, length: int, cut: int) -> None:
    passed = pieces(length, seed)[:cut]
    assert tokens.of_text("".join(passed)) == min(cut, length)


@given(seeds, seeds, st.integers(0, 60), st.integers(0, 60))
def test_prefixes_of_two_answers_count_together_as_apart(one: int, two: int, first: int, second: int) -> None:
    joined = "".join((*pieces(first, one), *pieces(second, two)))
    assert tokens.of_text(joined) == first + second


@given(seeds)
def test_an_answer_says_that_it_is_fake(seed: int) -> None:
    text = "".join(pieces(None, seed))
    assert text.startswith(" This is a fake answer from a stand in provider: no model was asked")
    assert len(pieces(None, seed)) == len(SENTENCE) + FILLER_DEFAULT


def test_the_same_seed_says_the_same_and_another_says_something_else() -> None:
    assert pieces(None, 7) == pieces(None, 7) != pieces(None, 8)

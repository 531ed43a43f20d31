"""Patterns: which can mean the same name, and which is more specific."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.globs import can_meet, specificity

globs = st.text(alphabet="ab*?", max_size=6)
texts = st.text(alphabet="ab", max_size=8)


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("gpt-5", "gpt-5", True),
        ("gpt-5", "gpt-4", False),
        ("gpt-*", "*-mini", True),
        ("gpt-5*", "gpt-4*", False),
        ("gpt-?", "gpt-5", True),
        ("*", "anything", True),
        ("a[12]b", "a1b", True),
        ("**", "", True),
        ("?", "", False),
    ],
)
def test_patterns_meet_where_a_name_fits_both(one: str, other: str, meet: bool) -> None:
    assert can_meet(one, other) is meet
    assert can_meet(other, one) is meet


@given(globs, globs, texts)
def test_a_name_that_fits_both_proves_that_they_meet(one: str, other: str, text: str) -> None:
    if fnmatchcase(text, one) and fnmatchcase(text, other):
        assert can_meet(one, other)


@given(globs, texts)
def test_against_a_plain_name_meeting_is_matching(glob: str, text: str) -> None:
    assert can_meet(glob, text) is fnmatchcase(text, glob)


@given(globs, globs)
def test_meeting_is_mutual(one: str, other: str) -> None:
    assert can_meet(one, other) is can_meet(other, one)


def test_a_name_is_more_specific_than_any_pattern_and_letters_count() -> None:
    ranked = sorted(["*", "gpt-5", "gpt-*", "gpt-5-*", "gpt-5-mini*"], key=specificity)
    assert ranked == ["*", "gpt-*", "gpt-5-*", "gpt-5-mini*", "gpt-5"]

"""Names that a dimension may have: found as fast as they are told from wrong ones."""

from fnmatch import fnmatchcase

from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.names import Names

MODELS = Names(["gpt-5", "gpt-5-mini", "gpt-4.1", "gpt-4.1-2025-04-14", "gpt-4.1-mini", "gpt-4-0613", "gpt-4", "o3"])
texts = st.text("ab*?", max_size=5)


@given(st.lists(st.text("ab", min_size=1, max_size=4)), texts)
def test_a_pattern_fits_where_some_name_does(names: list[str], glob: str) -> None:
    assert Names(names).fits(glob) == any(fnmatchcase(name, glob) for name in names)


def test_a_pattern_of_known_names_may_meet_another() -> None:
    own = Names(["gpt-5"], ["llama-*"])
    assert all(own.fits(glob) for glob in ("llama-9", "llama*", "*-70b", "gpt-?"))
    assert not own.fits("mistral-*")


def test_the_nearest_name_is_found_among_those_that_begin_alike() -> None:
    many = Names([*(f"gpt-{number:04}" for number in range(2000)), "gpt-5-mini", "sonnet"])
    assert many.near("gpt-5-minni") == "gpt-5-mini"
    assert many.near("GPT-5-Mini") == "gpt-5-mini"
    assert many.near("sonet") == "sonnet"
    assert many.near("quite-another") == ""


def test_dated_names_are_of_their_own_model_only() -> None:
    assert MODELS.dated("gpt-4.1") == ("gpt-4.1-2025-04-14",)
    assert MODELS.dated("gpt-4") == ("gpt-4-0613",)
    assert MODELS.dated("gpt-5") == ()


def test_names_without_any_are_told_apart() -> None:
    assert "gpt-5" in MODELS
    assert "gpt" not in MODELS
    assert list(Names(["b", "a", ""])) == ["a", "b"]

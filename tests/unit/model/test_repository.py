"""One spelling for the many ways in which a repository is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model.repository import repository


@pytest.mark.parametrize(
    "text",
    [
        "github.com/acme/checkout",
        "https://github.com/Acme/Checkout.git",
        "http://github.com/acme/checkout/",
        "https://user:token@github.com/acme/checkout.git",
        "https://github.com:443/acme/checkout",
        "git@github.com:acme/checkout.git",
        "ssh://git@github.com:22/acme/checkout.git",
        "git+ssh://git@github.com/acme/checkout",
        "  GITHUB.COM/acme/checkout\n",
    ],
)
def test_all_of_these_are_one_repository(text: str) -> None:
    assert repository(text) == "github.com/acme/checkout"


def test_deeper_groups_stay() -> None:
    assert repository("git@gitlab.com:acme/backend/checkout.git") == "gitlab.com/acme/backend/checkout"


@pytest.mark.parametrize(
    "text",
    ["", "checkout", "acme/checkout", "github.com/checkout", "github.com//checkout", "github.com/../x", "file:///a/b/c",
     "github.com/acme/check out", "/github.com/acme/x", "https://", "a" * 300 + "/b/c"],
)  # fmt: skip
def test_what_is_no_repository_is_nothing(text: str) -> None:
    assert repository(text) == ""


@given(st.text(max_size=60))
def test_a_name_once_normal_stays_as_it_is(text: str) -> None:
    normal = repository(text)
    assert repository(normal) == normal

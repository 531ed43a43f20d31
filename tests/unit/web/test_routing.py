"""Routing: what a path means, told without a server."""

import pytest

from proxy.dialects.anthropic import Anthropic
from proxy.dialects.openai import OpenAI
from proxy.policy.types import PolicySet, Provider, Secret
from proxy.web.routing import PASSED, Route, Unrouted, route

PASSING = Provider("local", "openai", "http://p.test", Secret("none"), passes=(("POST", "/v1/files*"),))
POLICIES = PolicySet("v", providers={"local": PASSING})


def routed(method: str, target: bytes) -> Route | Unrouted:
    return route(method, target, {}, POLICIES, (OpenAI(), Anthropic()))


def test_a_path_that_an_admin_named_passes() -> None:
    found = routed("POST", b"/local/v1/files/abc?x=1")
    assert isinstance(found, Route)
    assert (found.operation, found.prefix, found.target) == (PASSED, "local", b"/v1/files/abc?x=1")


@pytest.mark.parametrize("dots", [b"..", b".", b"%2e%2e", b"%2E.", b".%2e", b"%2e"])
def test_dot_segments_never_pass_in_any_spelling(dots: bytes) -> None:
    """The provider could resolve them to a path that nobody named."""
    assert isinstance(routed("POST", b"/local/v1/files/" + dots + b"/secret"), Unrouted)


@pytest.mark.parametrize("target", [b"/local/v1/files/a%5cb", b"/local/v1/files/a\\b", b"/local/v1/files/%00", b"*"])
def test_what_could_mean_another_path_there_than_here_does_not_pass(target: bytes) -> None:
    assert isinstance(routed("POST", target), Unrouted)

"""Routing: what a path means, told without a server."""

import pytest

from proxy.dialects.anthropic import Anthropic
from proxy.dialects.gemini import Gemini
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


@pytest.mark.parametrize(
    ("query", "header"),
    [
        (b"", b"x-http-method-override"),
        (b"", b"x-http-method"),
        (b"", b"x-method-override"),
        (b"?$httpMethod=POST", b""),
        (b"?alt=json&%24http%4dethod=POST", b""),
        (b"?$httpHeaders=X-Goog-FieldMask%3Acandidates", b""),
        (b"?%24req=%7B%7D", b""),
        (b"?$ct=application/x-protobuf", b""),
    ],
)
def test_a_request_that_could_be_taken_for_another_goes_nowhere(query: bytes, header: bytes) -> None:
    """A list of caches is free, making one is not, and only the method tells them apart."""
    headers = {header: b"POST"} if header else {}
    found = route("GET", b"/v1beta/cachedContents" + query, headers, POLICIES, (Gemini(), OpenAI()))
    assert isinstance(found, Unrouted)
    assert found.refusal.status == 400


def test_other_names_in_a_query_pass() -> None:
    found = route("GET", b"/v1beta/models?$alt=json&$.xgafv=1&req=$http", {}, POLICIES, (Gemini(), OpenAI()))
    assert isinstance(found, Route)

"""providers.yaml: whether streams are asked for their usage."""

import pytest

from proxy.policy.load import load
from proxy.policy.types import PolicySet

ENTRY = 'providers: {p: {dialect: openai, base_url: "https://a.example", api_key: none%s}}'


@pytest.mark.parametrize(("written", "meant"), [("", True), (", ask_usage: true", True), (", ask_usage: false", False)])
def test_streams_are_asked_for_their_usage_unless_a_provider_is_not_to_be(written: str, meant: bool) -> None:
    policies = load({"providers.yaml": ENTRY % written})
    assert isinstance(policies, PolicySet)
    assert policies.providers["p"].ask_usage is meant


def test_another_word_is_a_mistake() -> None:
    (mistake,) = load({"providers.yaml": ENTRY % ", ask_usage: no"})  # type: ignore[misc]  # it is a list of mistakes
    assert "ask_usage" in str(mistake)

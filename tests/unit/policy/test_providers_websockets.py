"""providers.yaml: whether websockets are opened to a provider."""

import pytest

from proxy.policy.load import load
from proxy.policy.types import PolicySet


@pytest.mark.parametrize(
    ("written", "meant"), [("", True), (", websockets: true", True), (", websockets: false", False)]
)
def test_a_provider_takes_websockets_unless_it_is_told_not_to(written: str, meant: bool) -> None:
    file = f'providers: {{p: {{dialect: openai, base_url: "https://a.example", api_key: none{written}}}}}'
    policies = load({"providers.yaml": file})
    assert isinstance(policies, PolicySet)
    assert policies.providers["p"].websockets is meant


def test_anything_else_is_a_mistake() -> None:
    entry = '{dialect: openai, base_url: "https://a.example", api_key: none, websockets: no}'
    mistakes = load({"providers.yaml": f"providers: {{p: {entry}}}"})
    assert not isinstance(mistakes, PolicySet)
    assert "websockets" in str(mistakes[0])

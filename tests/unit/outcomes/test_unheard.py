"""What a registered source tells in vain is said, with what to add to services.yaml; and with that it is heard."""

from dataclasses import replace
from typing import Any

import pytest
import yaml

from proxy.model.service import Service, Services
from proxy.outcomes.unheard import Place, place_of, unheard
from proxy.policy.load import load
from proxy.policy.types import PolicySet
from tests.fakes import facts
from tests.fakes.deliveries import PLACE, services

KEPT = services(sources=("github", "argocd"))


def place(source: str, *kinds: str, repository: str = PLACE, **given: Any) -> Place:
    plain: dict[str, Any] = {"service": "", "trust": "signed", "environments": ("production",)}
    return Place(source, repository, kinds=kinds, **(plain | given))


@pytest.mark.parametrize(
    ("told", "known", "why"),
    [
        (place("github", "deployment", "change", "review"), KEPT, ""),
        (place("gitlab", "change"), KEPT, "source gitlab is not among the sources of checkout"),
        (place("gitlab", "review"), services(), ""),
        (place("gitlab", "deployment"), KEPT, "source gitlab is not among the sources of checkout"),
        (place("generic", "deployment"), KEPT, "source generic is not among the sources of checkout"),
        (place("generic", "deployment"), services(), ""),
        (place("cdevents", "deployment", repository="", service="pod/checkout"), KEPT, "not among the sources"),
        (place("cdevents", "deployment", repository="", service="pod/checkout"), services(), ""),
        (place("cdevents", "deployment", environments=("staging",)), KEPT, "not among the sources"),
        (place("cdevents", "incident", "artifact", "commit"), KEPT, ""),
        (place("cdevents", "incident", "review"), services(), "source cdevents may not tell of changes and reviews"),
        (place("cdevents", "change"), services(sources=("cdevents",)), "cdevents may not tell of changes and reviews"),
        (place("gitlab", "review", trust="claimed"), services(), "is a claim"),
        (place("gitlab", "review", trust="claimed"), services(trust="claimed"), ""),
        (place("nobody", "review"), services(), ""),
        (place("github", "review", repository="github.com/acme/other"), services(), ""),
        (place("import", "review"), KEPT, ""),
        (place("mirror", "commit"), KEPT, ""),
    ],
)
def test_what_services_yaml_does_not_let_a_source_tell_is_said(told: Place, known: Services, why: str) -> None:
    found = unheard(told, known)
    assert why in (found.why if found else "")
    assert bool(found) == bool(why)


def test_each_service_that_leaves_it_out_is_named() -> None:
    (checkout,) = KEPT.services.values()
    web = Service("web", checkout.repositories, ("web",), 0, sources=("argocd",))
    known = replace(KEPT, services={"checkout": checkout, "web": web})
    found = unheard(place("gitlab", "deployment", environments=("web", "production", "staging")), known)
    assert found
    assert found.why == "source gitlab is not among the sources of checkout, web"
    only = unheard(place("gitlab", "deployment", environments=("web",)), known)
    assert only
    assert only.why == "source gitlab is not among the sources of web"
    assert unheard(place("github", "change", environments=()), known) is None


def test_a_line_is_of_one_place() -> None:
    line = facts.a_told(kind="deployment", facts={"repository": PLACE, "service": "x", "environment": "e"})
    assert place_of(line) == Place("github", PLACE, "x", "signed", ("deployment",), ("e",))


REGISTERED: dict[str, Any] = {
    "services": {"checkout": {"repositories": [PLACE], "environments": ["production"], "registered": "2025-06-01"}},
    "sources": {
        "github": {"kind": "github", "secrets": [{"env": "A"}]},
        "cdevents": {"kind": "cdevents", "secrets": [{"env": "B"}]},
        "gitlab": {"kind": "gitlab", "secrets": [{"env": "C"}]},
    },
}


@pytest.mark.parametrize("named", [None, ["github"]], ids=["any", "one"])
@pytest.mark.parametrize(
    "told",
    [
        place("cdevents", "deployment"),
        place("cdevents", "change"),
        place("gitlab", "review"),
        place("gitlab", "review", trust="claimed"),
    ],
    ids=["deployment", "change", "review", "claim"],
)
def test_with_what_is_said_to_be_added_it_is_heard(told: Place, named: list[str] | None) -> None:
    """In at most two steps: each says one thing."""
    document = {name: {key: dict(each) for key, each in entries.items()} for name, entries in REGISTERED.items()}
    if named:
        document["services"]["checkout"]["sources"] = named
    for _ in range(3):
        known = load({"services.yaml": yaml.safe_dump(document)})
        assert isinstance(known, PolicySet), known
        found = unheard(told, known.services)
        if found is None:
            return
        for name, entries in yaml.safe_load(found.add).items():
            for key, more in entries.items():
                document[name][key] |= more
    raise AssertionError("it is still not heard")

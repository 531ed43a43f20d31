"""What may score is decided by the services in force, whatever it was on receipt."""

from dataclasses import replace

import pytest

from proxy.model.service import NO_SERVICES
from proxy.outcomes.quarantine import decided, quarantined
from tests.fakes import facts
from tests.fakes.deliveries import PLACE, services


def line(source="github", quarantine="", **said):
    return facts.a_told(source=source, quarantine=quarantine, kind="deployment", facts=said)


@pytest.mark.parametrize(
    ("told", "held"),
    [
        (line(repository=PLACE), ""),
        (line(repository="github.com/acme/other"), "no service in services.yaml has the repository"),
        (line("argocd", service="checkout"), ""),
        (line("argocd", service="pod/checkout"), ""),
        (line("argocd", service="other"), "no service in services.yaml is called other"),
        (line("nobody", repository=PLACE), "services.yaml has no source nobody"),
        (line("mirror", repository="github.com/acme/other"), ""),
        (line("import", repository=PLACE), ""),
    ],
)
def test_what_is_registered_may_score(told, held):
    reason = quarantined(told, services())
    assert reason.startswith(held)
    assert bool(reason) == bool(held)


def test_a_source_may_be_kept_to_its_repositories():
    known = services()
    kept = replace(known.sources["github"], repositories=("github.com/acme/other*",))
    known = replace(known, sources={"github": kept})
    assert quarantined(line(repository="github.com/acme/other-2"), known) == ""
    assert "may not speak of" in quarantined(line(repository=PLACE), known)


def test_what_came_before_it_was_registered_is_let_in_and_what_is_taken_out_is_held():
    before = line(repository=PLACE, quarantine="no service had it")
    assert [each.quarantine for each in decided([before], services())] == [""]
    let_in = line(repository=PLACE)
    assert [bool(each.quarantine) for each in decided([let_in], NO_SERVICES)] == [True]
    (same,) = decided([let_in], services())
    assert same is let_in

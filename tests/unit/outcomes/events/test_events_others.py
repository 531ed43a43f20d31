"""What Argo CD's template, CDEvents and our own form tell."""

import base64

import pytest

from proxy.model.told import ArtifactTold, ChangeTold, DeploymentTold, IncidentTold, ReviewTold
from proxy.outcomes.events import argocd, cdevents, generic
from proxy.outcomes.events.delivery import UnreadableError
from proxy.outcomes.events.tree import Tree
from tests.fakes.deliveries import DIGEST, HEAD, MERGE, NOW, NOW_US, PLACE, argo, cdevent, purl
from tests.fakes.deliveries import generic as a_generic

IN_PRODUCTION = {"environment": {"id": "production"}, "artifactId": purl()}


# --- Argo CD


def test_a_deployment_of_argo_is_known_by_its_image():
    ((at_us, fact),) = argocd.translate(Tree(argo()))
    assert at_us == NOW_US
    assert (fact.repository, fact.service, fact.environment, fact.state) == ("", "checkout", "production", "success")
    assert (fact.digest, fact.sha, fact.actor) == (DIGEST, "", "automated")


def test_a_failed_sync_is_a_failure_of_the_same_deployment():
    ((_, done),) = argocd.translate(Tree(argo()))
    ((_, failed),) = argocd.translate(Tree(argo(trigger="sync-failed", phase="Failed")))
    assert (failed.state, failed.deployment) == ("failure", done.deployment)


def test_degraded_health_is_an_incident():
    ((_, fact),) = argocd.translate(Tree(argo(trigger="health-degraded")))
    assert isinstance(fact, IncidentTold)
    assert (fact.kind, fact.service, fact.environment) == ("degraded", "checkout", "production")


def test_a_tag_is_no_identity_and_several_images_have_one_together():
    def digest(*images):
        ((_, fact),) = argocd.translate(Tree(argo(images=list(images))))
        return fact.digest

    other = "x@sha256:" + "5" * 64
    assert digest("x:latest") == digest(f"x@{DIGEST}", "y:1") == digest() == ""
    assert digest(f"x@{DIGEST}", other) == digest(other, f"x@{DIGEST}") not in ("", DIGEST)


def test_the_repository_counts_only_with_a_commit_of_its_own():
    ((_, fact),) = argocd.translate(Tree(argo(repository=f"https://{PLACE}.git", commit=MERGE)))
    assert (fact.repository, fact.sha) == (PLACE, MERGE)
    ((_, fact),) = argocd.translate(Tree(argo(repository=f"https://{PLACE}.git")))
    assert fact.repository == ""


def test_a_delivery_of_argo_is_known_by_what_it_is_about():
    assert argocd.delivery_of(Tree(argo())) == argocd.delivery_of(Tree(argo(images=[])))
    assert argocd.delivery_of(Tree(argo())) != argocd.delivery_of(Tree(argo(at="later")))
    with pytest.raises(UnreadableError):
        argocd.delivery_of(Tree({"trigger": "deployed"}))


# --- CDEvents


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("service.deployed.0.1.1", "success"),
        ("service.upgraded.0.2.0", "success"),
        ("service.published.0.3.0", "success"),
        ("service.rolledback.0.3.0-draft", "rolled_back"),
        ("service.removed.0.2.0", "inactive"),
    ],
)
def test_events_of_a_service_are_states_of_a_deployment(kind, state):
    event = cdevent(kind, "pod/checkout", IN_PRODUCTION, {"sha": MERGE, "repository": PLACE, "actor": "robot"})
    assert cdevents.translate(Tree(event)) == [
        (
            NOW_US,
            DeploymentTold(
                PLACE, "e-1/production", "production", state, "pod/checkout", MERGE, digest=DIGEST, actor="robot"
            ),
        )
    ]


def test_events_of_one_chain_are_one_deployment_in_each_environment():
    def deployment(id_, environment):
        content = IN_PRODUCTION | {"environment": {"id": environment}}
        event = cdevent("service.deployed.0.2.0", "checkout", content, id=id_, chainId="c-1")
        ((_, fact),) = cdevents.translate(Tree(event))
        return fact.deployment

    assert deployment("a", "production") == deployment("b", "production") != deployment("a", "staging")


@pytest.mark.parametrize(("kind", "state"), [("detected", "begun"), ("reported", "begun"), ("resolved", "resolved")])
def test_incidents(kind, state):
    content = {"environment": {"id": "production"}, "service": {"id": "checkout"}}
    ((_, fact),) = cdevents.translate(Tree(cdevent(f"incident.{kind}.0.2.0", "i-1", content)))
    assert fact == IncidentTold("/ci/i-1", "incident", state, service="checkout", environment="production")


@pytest.mark.parametrize(
    ("subject", "content", "custom"),
    [
        (purl(), {}, None),
        (f"pkg:oci/checkout@{DIGEST}", {"change": {"id": MERGE, "source": f"https://{PLACE}"}}, None),
        (f"pkg:oci/checkout?checksum={DIGEST}", {}, {"sha": MERGE, "repository": PLACE}),
    ],
)
def test_an_artefact_is_of_a_commit(subject, content, custom):
    ((_, fact),) = cdevents.translate(Tree(cdevent("artifact.published.0.2.0", subject, content, custom)))
    assert fact == ArtifactTold(DIGEST, PLACE, MERGE)


def test_an_artefact_of_no_known_commit_tells_nothing():
    assert cdevents.translate(Tree(cdevent("artifact.packaged.0.2.0", f"pkg:oci/x@{DIGEST}", {}))) == []


def test_a_change_is_told_where_custom_data_says_who_and_what():
    content = {"repository": {"id": "acme/checkout", "source": "https://github.com"}}
    said = {"author": "alice", "merge": MERGE, "head": HEAD, "base": "main", "work_items": ["PAY-12"]}
    ((_, fact),) = cdevents.translate(Tree(cdevent("change.merged.0.2.0", "12", content, said)))
    assert fact == ChangeTold(PLACE, "12", "alice", HEAD, "main", merge=MERGE, merged_us=NOW_US, work_items=("PAY-12",))
    assert cdevents.translate(Tree(cdevent("change.merged.0.2.0", "12", content))) == []
    reviewed = {"reviewer": "bob", "state": "approved", "commit": HEAD}
    ((_, fact),) = cdevents.translate(Tree(cdevent("change.reviewed.0.2.0", "12", content, reviewed)))
    assert fact == ReviewTold(PLACE, "12", "bob", "approved", HEAD)


def test_custom_data_may_be_in_base64():
    said = base64.b64encode(b'{"sha": "%s", "actor": "robot"}' % MERGE.encode()).decode()
    for custom, sha in ((said, MERGE), ("!", ""), ("AAAA", "")):
        event = cdevent("service.deployed.0.2.0", "checkout", IN_PRODUCTION) | {"customData": custom}
        ((_, fact),) = cdevents.translate(Tree(event))
        assert fact.sha == sha


def test_structured_and_binary_mode_say_the_same():
    event = cdevent("service.deployed.0.2.0", "checkout", IN_PRODUCTION)
    structured = {"specversion": "1.0", "id": "e-1", "source": "/ci", "data": event}
    assert cdevents.event_of(Tree(structured)) == cdevents.event_of(Tree(event)) == Tree(event)
    for wrong in ({}, {"specversion": "1.0"}, {"context": {"id": "x"}}):
        with pytest.raises(UnreadableError):
            cdevents.event_of(Tree(wrong))


@pytest.mark.parametrize("kind", ["build.finished.0.2.0", "service.deployed.1.0.0", "service.deployed", "x"])
def test_other_events_tell_nothing(kind):
    assert cdevents.translate(Tree(cdevent(kind, "checkout", IN_PRODUCTION))) == []


# --- our own form


def test_a_deployment_in_our_own_form():
    assert generic.translate(Tree(a_generic()), "") == [
        (NOW_US, DeploymentTold(PLACE, "build-1", "production", "success", service="checkout", sha=MERGE))
    ]
    ((_, short),) = generic.translate(Tree(a_generic(repository="acme/checkout")), "github.com")
    assert short.repository == PLACE


def test_incidents_and_artefacts_in_our_own_form():
    begun = {"event_id": "i", "kind": "incident", "service": "checkout", "incident_kind": "alert", "occurred_at": NOW}
    assert generic.translate(Tree(begun), "") == [(NOW_US, IncidentTold("i", "alert", "begun", service="checkout"))]
    built = {"event_id": "b", "kind": "artifact", "digest": DIGEST, "repository": PLACE, "sha": MERGE}
    assert generic.translate(Tree(built), "") == [(0, ArtifactTold(DIGEST, PLACE, MERGE))]


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "change"},
        {"kind": "review"},
        {"state": "done"},
        {"environment": ""},
        {"repository": "", "service": ""},
        {"repository": "checkout"},
        {"occurred_at": "yesterday"},
        {"occurred_at": "2027-01-15T08:00:00"},
        {"kind": "incident", "state": "over"},
        {"kind": "artifact"},
    ],
)
def test_what_our_own_form_does_not_know_is_said(wrong):
    with pytest.raises(UnreadableError):
        generic.translate(Tree(a_generic(**wrong)), "")


def test_an_event_of_our_own_form_has_an_id():
    with pytest.raises(UnreadableError, match="event_id"):
        generic.delivery_of(Tree({}))

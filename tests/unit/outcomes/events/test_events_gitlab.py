"""What GitLab's webhooks tell."""

import pytest

from proxy.model.told import ChangeTold, CommitTold, DeploymentTold, IncidentTold, ReviewTold
from proxy.outcomes.events import gitlab
from proxy.outcomes.events.tree import Tree
from tests.fakes.deliveries import HEAD, MERGE, NOW_US, gitlab_deployment, gitlab_project, merge_request

PLACE = "gitlab.com/acme/checkout"
MERGED_US = NOW_US - 1800_000_000


def told(document):
    return gitlab.translate(Tree(document), "gitlab.com")


@pytest.mark.parametrize(("status", "state"), [("success", "success"), ("failed", "failure"), ("running", "pending")])
def test_a_deployment_is_known_by_its_job_and_its_full_commit(status, state):
    fact = DeploymentTold(PLACE, "job-796", "production", state, sha=MERGE, actor="alice")
    assert told(gitlab_deployment(status=status)) == [(NOW_US, fact)]


def test_a_deployment_by_the_api_has_no_job():
    ((_, fact),) = told(gitlab_deployment(deployable_id=None))
    assert fact.deployment == "15"


def test_a_pipelines_job_that_deploys_is_the_same_deployment():
    job = {
        "id": 796,
        "status": "success",
        "finished_at": "2027-01-15 08:00:00 UTC",
        "user": {"username": "alice"},
        "environment": {"name": "production", "action": "start"},
    }
    stop = job | {"id": 797, "environment": {"name": "production", "action": "stop"}}
    pipeline = {
        "object_kind": "pipeline",
        "object_attributes": {"sha": MERGE, "ref": "main", "created_at": "2027-01-15 07:00:00 UTC"},
        "builds": [job, stop, {"id": 1, "status": "success", "environment": None}],
        "commit": {"id": MERGE, "message": "PAY-12 refunds", "author": {"email": "alice@example.com"}},
    }
    commit, deployment = told(gitlab_project() | pipeline)
    assert commit[1] == CommitTold(PLACE, MERGE, author="alice@example.com", branch="main", work_items=("PAY-12",))
    assert [deployment] == told(gitlab_deployment())


def test_a_merge_is_at_its_time_and_a_later_edit_changes_nothing():
    ((at_us, fact),) = told(merge_request("merge", by=52, merge_commit_sha=MERGE))
    assert (at_us, fact) == (
        MERGED_US,
        ChangeTold(PLACE, "12", "", HEAD, "main", "refunds", MERGE, MERGED_US, work_items=("PAY-12",)),
    )
    assert told(merge_request("update", state="merged", updated_at="2027-01-15 07:59:00 UTC")) == []


def test_a_fast_forward_is_merged_by_its_own_tip():
    ((_, fact),) = told(merge_request("merge", merge_commit_sha=None))
    assert fact.merge == HEAD


def test_the_author_is_named_where_the_delivery_names_who_has_that_number():
    assert [fact.author for _, fact in told(merge_request("open"))] == ["alice"]
    assert [fact.author for _, fact in told(merge_request("update", by=52))] == [""]


@pytest.mark.parametrize("action", ["approved", "approval"])
def test_an_approval_is_of_the_tip(action):
    facts = [fact for _, fact in told(merge_request(action, by=52))]
    assert ReviewTold(PLACE, "12", "bob", "approved", HEAD) in facts


def test_an_authors_own_approval_is_none():
    assert [type(fact) for _, fact in told(merge_request("approved"))] == [ChangeTold]


def test_an_approval_can_be_taken_back():
    facts = [fact for _, fact in told(merge_request("unapproved", by=52))]
    assert ReviewTold(PLACE, "12", "bob", "dismissed", HEAD) in facts


def test_a_branch_of_a_fork_names_its_owner():
    given = merge_request("open", source_project_id=15, source={"path_with_namespace": "bob/checkout"})
    assert [fact.branch for _, fact in told(given)] == ["bob:refunds"]


def test_a_push_tells_of_its_commits_and_says_no_time():
    commit = {"id": MERGE, "message": "x\n\nAI-Session: s-1", "timestamp": "2000-01-01T00:00:00Z"}
    document = gitlab_project() | {"object_kind": "push", "ref": "refs/heads/main", "commits": [commit]}
    assert told(document) == [(0, CommitTold(PLACE, MERGE, branch="main", sessions=("s-1",)))]


def test_an_incident_is_one_by_its_type_or_label():
    issue = {"iid": 3, "type": "Incident", "state": "opened", "created_at": "2027-01-15T08:00:00Z"}
    document = gitlab_project() | {"object_kind": "work_item", "object_attributes": issue}
    assert told(document) == [(NOW_US, IncidentTold(f"{PLACE}#3", "incident", "begun", PLACE))]
    assert told(gitlab_project() | {"object_kind": "issue", "object_attributes": issue | {"type": "Issue"}}) == []


@pytest.mark.parametrize("kind", ["note", "tag_push", "", *gitlab._READERS])
@pytest.mark.parametrize("more", [{}, {"object_attributes": [], "builds": 3, "commits": "x", "user": None}])
def test_what_has_not_the_shape_of_its_event_tells_nothing(kind, more):
    assert told(gitlab_project() | {"object_kind": kind} | more) == []

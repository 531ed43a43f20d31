"""What GitHub's webhooks tell, read from documents in the shape that GitHub sends."""

import pytest

from proxy.model.told import ArtifactTold, ChangeTold, CommitTold, DeploymentTold, IncidentTold, ReviewTold
from proxy.outcomes.events import github
from proxy.outcomes.events.tree import Tree
from tests.fakes.deliveries import (
    DIGEST,
    HEAD,
    MERGE,
    NOW_US,
    PLACE,
    TREE,
    at,
    deployment_status,
    merged,
    pull_request,
    push,
    review,
)

REPOSITORY = {"repository": {"full_name": "acme/Checkout", "html_url": f"https://{PLACE}"}}


def told(event, document, host="github.com"):
    return github.translate(event, Tree(REPOSITORY | document), host)


def only(event, document):
    ((_, fact),) = told(event, document)
    return fact


@pytest.mark.parametrize(
    ("given", "state"),
    [
        ("success", "success"),
        ("failure", "failure"),
        ("error", "failure"),
        ("inactive", "inactive"),
        ("in_progress", "pending"),
        ("queued", "pending"),
    ],
)
def test_a_status_is_a_state_of_its_deployment_and_only_who_says_success_is_its_actor(given, state):
    actor = "robot[bot]" if state == "success" else ""
    assert told("deployment_status", deployment_status(given)) == [
        (NOW_US, DeploymentTold(PLACE, "7", "production", state, sha=MERGE, actor=actor))
    ]


def test_a_deployment_is_on_its_way_and_its_payload_may_name_the_service():
    document = deployment_status(payload={"service": "refunds"})
    del document["deployment_status"]
    fact = DeploymentTold(PLACE, "7", "production", "pending", service="refunds", sha=MERGE)
    assert told("deployment", document) == [(NOW_US - 60_000_000, fact)]


def test_a_pull_request_has_no_merge_commit_before_it_is_merged():
    assert only("pull_request", pull_request()) == ChangeTold(
        PLACE, "12", "alice", HEAD, base="main", branch="refunds", work_items=("PAY-12",)
    )


def test_a_merged_pull_request_names_its_merge_and_its_time():
    ((at_us, fact),) = told("pull_request", merged())
    assert (fact.merge, fact.merged_us, at_us) == (MERGE, NOW_US - 1800_000_000, NOW_US - 1800_000_000)


def test_work_items_come_from_title_branch_and_lines_that_say_so():
    given = pull_request(
        title="PAY-7: refunds (#3)",
        body="Fixes #4 and other/Place#5\nlooks like PAY-99, see #98\nRefs https://github.com/acme/plans/issues/6",
        head={"sha": HEAD, "ref": "alice/ops-8-refunds", "repo": {"id": 1}},
    )
    assert set(only("pull_request", given).work_items) == {
        *("PAY-7", "OPS-8", f"{PLACE}#3", f"{PLACE}#4"),
        *("github.com/other/place#5", "github.com/acme/plans#6"),
    }


def test_a_branch_of_a_fork_names_its_owner():
    fork = {"sha": HEAD, "ref": "main", "repo": {"id": 2}, "user": {"login": "bob"}}
    assert only("pull_request", pull_request(head=fork)).branch == "bob:main"
    gone = {"sha": HEAD, "ref": "main", "repo": None, "user": {"login": "bob"}}
    assert only("pull_request", pull_request(head=gone)).branch == "bob:main"


@pytest.mark.parametrize(
    ("body", "reverted"),
    [
        ("Reverts acme/Checkout#11", "11"),
        ("Reverts #11", "11"),
        ("Reverts acme/other#11", ""),
        ("This reverts commit " + "a" * 40 + ".", "a" * 40),
        ("This takes nothing back; Reverts are hard #11", ""),
    ],
)
def test_what_a_pull_request_takes_back(body, reverted):
    assert only("pull_request", pull_request(body=body)).reverts == reverted


def test_a_bot_has_a_sponsor_only_where_somebody_signs_for_it():
    bot = {"login": "agent[bot]", "type": "Bot"}
    fact = only("pull_request", pull_request(user=bot, body="Sponsored-by: @alice"))
    assert (fact.bot, fact.sponsor) == (True, "alice")
    assert only("pull_request", pull_request(user=bot, assignees=[{"login": "bob"}])).sponsor == ""
    assert only("pull_request", pull_request(body="Sponsored-by: @bob")).sponsor == ""


@pytest.mark.parametrize("state", ["approved", "changes_requested", "commented"])
def test_a_review_is_of_a_commit(state):
    assert told("pull_request_review", review(state)) == [
        (NOW_US - 2000_000_000, ReviewTold(PLACE, "12", "bob", state, HEAD, "5"))
    ]


def test_a_dismissal_takes_back_the_review_when_it_happens_not_when_that_was_given():
    ((at_us, fact),) = told("pull_request_review", review("approved", "dismissed"))
    assert (fact.state, fact.review, at_us) == ("dismissed", "5", NOW_US - 1995_000_000)


def test_a_push_tells_of_each_commit_once_with_tree_trailers_and_the_servers_time():
    message = (
        f"PAY-12 Refunds\n\nThis reverts commit {'c' * 40}.\n\nAI-Session: s-1\nCo-authored-by: Bob <bob@example.com>"
    )
    assert told("push", push(message)) == [
        (
            NOW_US - 1790_000_000,
            CommitTold(
                PLACE,
                MERGE,
                tree=TREE,
                author="alice",
                coauthors=("bob@example.com",),
                branch="main",
                work_items=("PAY-12",),
                sessions=("s-1",),
                reverts=("c" * 40,),
            ),
        )
    ]


def test_trailers_of_a_long_message_stand_at_its_end():
    (fact,) = (fact for _, fact in told("push", push("PAY-12 x\n" + "word " * 5000 + "\nAI-Session: s-1")))
    assert (fact.work_items, fact.sessions) == (("PAY-12",), ("s-1",))


def test_a_deleted_branch_and_a_tag_tell_of_no_branch():
    assert told("push", push() | {"commits": [], "head_commit": None, "deleted": True}) == []
    assert only("push", push() | {"ref": "refs/tags/v1"}).branch == ""


def test_a_run_tells_the_tree_of_its_commit():
    run = {"created_at": at(-5), "head_branch": "main", "head_commit": {"id": MERGE, "tree_id": TREE, "message": "m"}}
    assert only("workflow_run", {"workflow_run": run}) == CommitTold(PLACE, MERGE, tree=TREE, branch="main")


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (["incident"], ("", "")),
        (["type: incident", "service: checkout", "env/production"], ("checkout", "production")),
        (["post-incident review"], None),
        (["bug"], None),
    ],
)
def test_an_issue_is_an_incident_by_its_label(labels, found):
    issue = {"number": 9, "labels": [{"name": each} for each in labels], "state": "open", "created_at": at(-10)}
    facts = told("issues", {"issue": issue})
    incident = found and IncidentTold(f"{PLACE}#9", "incident", "begun", PLACE, *found)
    assert facts == ([(NOW_US - 10_000_000, incident)] if incident else [])


def test_a_closed_incident_is_over_from_then():
    issue = {"number": 9, "labels": [{"name": "incident"}], "state": "closed", "closed_at": at(50)}
    ((at_us, fact),) = told("issues", {"issue": issue})
    assert (fact.state, at_us) == ("resolved", NOW_US + 50_000_000)


def test_an_image_tells_which_commit_it_was_built_from():
    version = {"container_metadata": {"tag": {"digest": DIGEST}}, "target_oid": MERGE, "created_at": at()}
    package = {"package_type": "CONTAINER", "package_version": version}
    assert only("registry_package", {"registry_package": package}) == ArtifactTold(DIGEST, PLACE, MERGE)


@pytest.mark.parametrize("event", ["ping", "release", "star", "", *github._READERS])
@pytest.mark.parametrize(
    "document",
    [
        {},
        {"deployment": 3, "deployment_status": [], "commits": {}, "pull_request": None, "review": "x", "issue": [1]},
        {"repository": None},
        {"repository": {"html_url": 5, "full_name": "../.."}},
    ],
)
def test_what_has_not_the_shape_of_its_event_tells_nothing(event, document):
    assert told(event, document) == []


def test_a_repository_without_an_address_is_on_the_sources_host():
    document = merged() | {"repository": {"full_name": "Acme/Checkout"}}
    ((_, fact),) = told("pull_request", document, host="git.example.com")
    assert fact.repository == "git.example.com/acme/checkout"

"""Deliveries of GitHub in their true shape: nested as GitHub nests them, with the nulls and leftovers that it sends.

Made up: invented people, repositories and commits. Each with the facts that outlay reads from it, as kinds.
"""

from typing import Any

from tests.fakes.deliveries import DIGEST, HEAD, MERGE, TREE, Json

ALICE: Json = {
    "login": "alice", "id": 1, "node_id": "U_1", "avatar_url": "https://example.com/1.png", "gravatar_id": "",
    "url": "https://api.github.com/users/alice", "html_url": "https://github.com/alice", "type": "User",
    "site_admin": False,
}  # fmt: skip
BOB: Json = ALICE | {"login": "bob", "id": 2, "node_id": "U_2", "html_url": "https://github.com/bob"}
ROBOT: Json = ALICE | {"login": "ship[bot]", "id": 3, "type": "Bot", "html_url": "https://github.com/apps/ship"}
TEAM: Json = {"login": "acme", "id": 4, "url": "https://api.github.com/orgs/acme", "description": None}
REPOSITORY: Json = {
    "id": 186853002, "node_id": "R_1", "name": "Checkout", "full_name": "acme/Checkout", "private": True,
    "owner": TEAM | {"type": "Organization", "html_url": "https://github.com/acme"},
    "html_url": "https://github.com/acme/Checkout", "description": None, "fork": False,
    "url": "https://api.github.com/repos/acme/Checkout", "created_at": "2026-05-15T15:19:25Z",
    "updated_at": "2027-01-15T07:00:00Z", "pushed_at": "2027-01-15T07:30:10Z", "homepage": None, "size": 0,
    "language": None, "license": None, "forks": 0, "open_issues": 1, "default_branch": "main", "topics": [],
    "mirror_url": None, "archived": False, "visibility": "private", "custom_properties": {},
}  # fmt: skip
FRAME: Json = {
    "repository": REPOSITORY,
    "organization": TEAM,
    "sender": ALICE,
    "installation": {"id": 9, "node_id": "I"},
}
COMMIT: Json = {
    "id": MERGE, "tree_id": TREE, "distinct": True, "message": "Refunds in parts (#12)\n\nAI-Session: s-1",
    "timestamp": "2027-01-15T08:30:05+01:00", "url": f"https://github.com/acme/Checkout/commit/{MERGE}",
    "author": {"name": "Alice", "email": "alice@example.com", "username": "alice"},
    "committer": {"name": "GitHub", "email": "noreply@example.com"}, "added": [], "removed": [], "modified": ["a.py"],
}  # fmt: skip
HEAD_COMMIT: Json = {
    "id": HEAD, "tree_id": TREE, "message": "wip", "timestamp": "2027-01-15T07:00:00Z",
    "author": {"name": "Alice", "email": "alice@example.com"},
    "committer": {"name": "Alice", "email": "alice@example.com"},
}  # fmt: skip
PUSH: Json = FRAME | {
    "ref": "refs/heads/main", "before": HEAD, "after": MERGE, "created": False, "deleted": False, "forced": False,
    "base_ref": None, "compare": "https://github.com/acme/Checkout/compare/a...b", "commits": [COMMIT],
    "head_commit": COMMIT, "pusher": {"name": "alice", "email": "alice@example.com"},
    "repository": REPOSITORY | {"pushed_at": 1_799_998_210, "created_at": 1_557_933_565, "master_branch": "main"},
}  # fmt: skip
GONE: Json = PUSH | {"deleted": True, "after": "0" * 40, "commits": [], "head_commit": None}
FORK: Json = {"id": 77, "full_name": "bob/Checkout", "fork": True, "owner": BOB, "html_url": "https://github.com/bob/C"}
PULL: Json = {
    "url": "https://api.github.com/repos/acme/Checkout/pulls/12", "id": 279147437, "number": 12, "state": "open",
    "locked": False, "title": "Refunds in parts", "user": ALICE, "body": None, "created_at": "2027-01-14T15:20:33Z",
    "updated_at": "2027-01-15T07:00:00Z", "closed_at": None, "merged_at": None, "merge_commit_sha": None,
    "assignee": None, "assignees": [], "requested_reviewers": [BOB], "requested_teams": [], "labels": [],
    "milestone": None, "draft": False,
    "head": {"label": "acme:refunds", "ref": "refunds", "sha": HEAD, "user": TEAM, "repo": REPOSITORY},
    "base": {"label": "acme:main", "ref": "main", "sha": "5" * 40, "user": TEAM, "repo": REPOSITORY},
    "_links": {"self": {"href": "https://api.github.com/repos/acme/Checkout/pulls/12"}},
    "author_association": "MEMBER", "auto_merge": None, "active_lock_reason": None, "merged": False,
    "mergeable": None, "rebaseable": None, "mergeable_state": "unknown", "merged_by": None, "comments": 0,
    "commits": 1, "additions": 10, "deletions": 2, "changed_files": 1,
}  # fmt: skip
MERGED: Json = PULL | {
    "state": "closed", "closed_at": "2027-01-15T07:30:00Z", "merged_at": "2027-01-15T07:30:00Z", "merged": True,
    "merge_commit_sha": MERGE, "merged_by": BOB, "updated_at": "2027-01-15T07:30:00Z",
}  # fmt: skip
IN_A_REVIEW: Json = {name: each for name, each in PULL.items() if name not in ("merged", "mergeable", "additions")}
REVIEW: Json = {
    "id": 237895671, "node_id": "PRR_1", "user": BOB, "body": None, "commit_id": HEAD, "state": "approved",
    "submitted_at": "2027-01-15T07:26:40Z", "html_url": "https://github.com/acme/Checkout/pull/12",
    "author_association": "COLLABORATOR", "_links": {"html": {"href": "https://github.com/acme/Checkout/pull/12"}},
}  # fmt: skip
DEPLOYMENT: Json = {
    "url": "https://api.github.com/repos/acme/Checkout/deployments/7", "id": 7, "node_id": "D_7", "sha": MERGE,
    "ref": "main", "task": "deploy", "payload": {}, "original_environment": "production", "environment": "production",
    "description": None, "creator": ROBOT, "created_at": "2027-01-15T07:59:00Z", "updated_at": "2027-01-15T07:59:00Z",
    "production_environment": True, "transient_environment": False, "performed_via_github_app": None,
}  # fmt: skip
STATUS: Json = {
    "url": "https://api.github.com/repos/acme/Checkout/deployments/7/statuses/1", "id": 1, "node_id": "DS_1",
    "state": "success", "creator": ROBOT, "description": "", "environment": "production", "target_url": "",
    "log_url": "", "environment_url": "", "created_at": "2027-01-15T08:00:00Z", "updated_at": "2027-01-15T08:00:00Z",
    "deployment_url": "https://api.github.com/repos/acme/Checkout/deployments/7", "performed_via_github_app": None,
}  # fmt: skip
RUN: Json = {
    "id": 30433642, "name": "ship", "node_id": "WFR_1", "head_branch": "refunds", "head_sha": HEAD, "run_number": 5,
    "event": "push", "status": "completed", "conclusion": "success", "workflow_id": 6, "pull_requests": [],
    "created_at": "2027-01-15T07:05:00Z", "updated_at": "2027-01-15T07:06:00Z", "run_attempt": 1, "actor": ALICE,
    "head_commit": HEAD_COMMIT, "head_repository": REPOSITORY,
}  # fmt: skip
ISSUE: Json = {
    "url": "https://api.github.com/repos/acme/Checkout/issues/31", "id": 31, "number": 31, "title": "Refunds fail",
    "user": BOB, "labels": [], "state": "open", "locked": False, "assignee": None, "milestone": None, "comments": 0,
    "created_at": "2027-01-15T07:50:00Z", "updated_at": "2027-01-15T07:50:00Z", "closed_at": None, "body": None,
    "state_reason": None,
}  # fmt: skip
LABEL: Json = {"id": 5, "name": "incident", "color": "d73a4a", "default": False, "description": None}
VERSION: Json = {
    "id": 41, "version": DIGEST, "name": DIGEST, "description": "", "manifest": "", "target_commitish": "main",
    "target_oid": MERGE, "created_at": "2027-01-15T07:40:00Z", "updated_at": "2027-01-15T07:40:00Z", "author": ROBOT,
    "container_metadata": {"labels": {}, "manifest": {}, "tag": {"digest": DIGEST, "name": "latest"}}, "summary": "",
}  # fmt: skip
PACKAGE: Json = {
    "id": 40, "name": "checkout", "namespace": "acme", "description": "", "ecosystem": "CONTAINER",
    "package_type": "CONTAINER", "html_url": "https://github.com/acme/packages", "owner": TEAM,
    "package_version": VERSION, "registry": {"name": "GitHub CONTAINER registry"},
}  # fmt: skip


def _of(action: str, **more: Any) -> Json:
    """One delivery: what it is about, in the frame that all have."""
    return FRAME | {"action": action} | more


Case = tuple[str, str, Json, tuple[str, ...]]
"""Name, event, document, and the kinds of facts in it."""

CASES: tuple[Case, ...] = (
    ("a deployment", "deployment", _of("created", deployment=DEPLOYMENT, workflow=None), ("deployment",)),
    ("with its payload as a text", "deployment",
     _of("created", deployment=DEPLOYMENT | {"payload": "{}"}), ("deployment",)),
    ("by nobody any more", "deployment_status",
     _of("created", deployment=DEPLOYMENT | {"creator": None}, check_run=None,
         deployment_status=STATUS | {"creator": None}), ("deployment",)),
    ("a status", "deployment_status",
     _of("created", deployment=DEPLOYMENT, deployment_status=STATUS), ("deployment",)),
    ("a push", "push", PUSH, ("commit",)),
    ("a branch that goes", "push", GONE, ()),
    ("a pull request", "pull_request", _of("opened", number=12, pull_request=PULL), ("change",)),
    ("of a fork that is gone", "pull_request",
     _of("synchronize", number=12, before=HEAD, after=HEAD,
         pull_request=PULL | {"head": PULL["head"] | {"repo": None, "label": "unknown repository"}}), ("change",)),
    ("of a fork", "pull_request",
     _of("edited", number=12, changes={"title": {"from": "Refunds"}},
         pull_request=PULL | {"head": PULL["head"] | {"repo": FORK, "user": BOB}}), ("change",)),
    ("of an account that is gone", "pull_request",
     _of("labeled", number=12, label=LABEL, pull_request=PULL | {"user": None}), ()),
    ("merged", "pull_request", _of("closed", number=12, pull_request=MERGED), ("change",)),
    ("an approval", "pull_request_review", _of("submitted", review=REVIEW, pull_request=IN_A_REVIEW), ("review",)),
    ("a dismissal", "pull_request_review",
     _of("dismissed", review=REVIEW | {"state": "dismissed"}, pull_request=IN_A_REVIEW), ("review",)),
    ("a review of an account that is gone", "pull_request_review",
     _of("submitted", review=REVIEW | {"user": None}, pull_request=IN_A_REVIEW), ()),
    ("a review without a commit", "pull_request_review",
     _of("edited", changes={}, review=REVIEW | {"commit_id": None, "state": "commented"}, pull_request=IN_A_REVIEW),
     ("review",)),
    ("a run", "workflow_run", _of("completed", workflow_run=RUN, workflow={"id": 6}), ("commit",)),
    ("a run without its commit", "workflow_run",
     _of("requested", workflow_run=RUN | {"head_commit": None, "head_branch": None}, workflow=None), ()),
    ("checks", "check_suite", _of("completed", check_suite=RUN | {"app": ROBOT, "before": None}), ("commit",)),
    ("an issue", "issues", _of("opened", issue=ISSUE), ()),
    ("an incident", "issues", _of("labeled", label=LABEL, issue=ISSUE | {"labels": [LABEL]}), ("incident",)),
    ("an incident that is over", "issues",
     _of("closed", issue=ISSUE | {"labels": [LABEL], "state": "closed", "closed_at": "2027-01-15T07:55:00Z"}),
     ("incident",)),
    ("an image", "package", _of("published", package=PACKAGE), ("artifact",)),
    ("an image, as it was called", "registry_package", _of("published", registry_package=PACKAGE), ("artifact",)),
    ("a package of another kind", "package",
     _of("published", package=PACKAGE | {"package_type": "npm", "package_version": VERSION | {"name": "1"}}), ()),
    ("a package without a version", "package", _of("updated", package=PACKAGE | {"package_version": None}), ()),
    ("a ping", "ping", {"zen": "x", "hook_id": 1, "hook": {"type": "Organization", "events": []}, "sender": BOB}, ()),
    ("a release", "release", _of("published", release={"id": 1, "tag_name": "v1", "target_commitish": "main"}), ()),
    ("a comment", "issue_comment", _of("created", issue=ISSUE | {"pull_request": {}}, comment={"body": "ok"}), ()),
    ("a check", "check_run", _of("completed", check_run={"head_sha": HEAD, "check_suite": RUN}), ()),
    ("a job", "workflow_job", _of("queued", workflow_job={"id": 2, "head_sha": HEAD, "steps": []}), ()),
    ("a review's comment", "pull_request_review_comment",
     _of("created", pull_request=PULL, comment={"id": 3, "commit_id": HEAD}), ()),
    ("a member, of no repository", "organization",
     {"action": "member_added", "membership": {"user": BOB}, "organization": TEAM, "sender": ALICE}, ()),
    ("an app of somebody's", "installation",
     {"action": "created", "installation": {"id": 9, "account": ALICE}, "repositories": [], "sender": ALICE}, ()),
    ("a repository that is gone", "repository", FRAME | {"action": "deleted"}, ()),
    ("an event of tomorrow", "something_new", FRAME | {"action": "created", "something": [None, [], {}]}, ()),
)  # fmt: skip

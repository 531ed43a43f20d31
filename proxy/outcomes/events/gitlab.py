"""GitLab: its webhooks of deployments, pushes, merge requests, pipelines and issues.

A signing token signs id, time and body. The older secret token is sent as it is with each delivery: it proves as much
as a password does, and covers neither body nor time, so what comes with it alone is a claim.
(https://docs.gitlab.com/user/project/integrations/webhook_events/)
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from proxy.model.repository import repository
from proxy.model.told import ChangeTold, DeploymentTold, Fact, IncidentTold, ReviewTold, Trust
from proxy.outcomes.events import wording
from proxy.outcomes.events.commits import commit_told
from proxy.outcomes.events.delivery import Telling
from proxy.outcomes.events.incidents import labelled
from proxy.outcomes.events.moments import moment_us
from proxy.outcomes.events.signing import Headers, Unverified, Verified, has_token, verified_by_standard
from proxy.outcomes.events.tree import Tree

_STATES: Final[Mapping[str, str]] = {"success": "success", "failed": "failure", "canceled": "failure"}
_REVIEWS: Final[Mapping[str, str]] = {
    "approved": "approved",
    "approval": "approved",
    "unapproved": "dismissed",
    "unapproval": "dismissed",
}
_COMMIT: Final = re.compile(r"/commit/([0-9a-f]{40,64})(?:$|[?#])")


def verify(body: bytes, headers: Headers, secrets: Sequence[str], now_us: int) -> Verified | Unverified:
    if "webhook-signature" in headers:
        return verified_by_standard(body, headers, secrets, now_us)
    if has_token(headers.get("x-gitlab-token", ""), secrets):
        return Verified(Trust.CLAIMED)
    return Unverified(
        "it has neither a webhook-signature nor the right X-Gitlab-Token: give the webhook a signing token"
    )


def translate(sent: Tree, host: str) -> Telling:
    reader = _READERS.get(sent.text("object_kind"))
    place = repository(sent.text("project", "web_url")) or repository(
        f"{host}/{sent.text('project', 'path_with_namespace')}"
    )
    return list(reader(sent, place)) if reader and place else []


def _deployment(sent: Tree, place: str) -> Iterable[tuple[int, Fact]]:
    job, id_, environment = sent.name("deployable_id"), sent.name("deployment_id"), sent.name("environment")
    found = _COMMIT.search(sent.text("commit_url"))
    if not (job or id_) or not environment:
        return
    fact = DeploymentTold(
        place,
        # A pipeline tells of the same deployment, and knows the job alone.
        f"job-{job}" if job else id_,
        environment,
        _STATES.get(sent.text("status"), "pending"),
        sha=found[1] if found else "",
        actor=sent.name("user", "username"),
    )
    yield moment_us(sent.at("status_changed_at").value), fact


def _pipeline(sent: Tree, place: str) -> Iterable[tuple[int, Fact]]:
    """Jobs that deploy, and the commit they ran on."""
    sha = sent.name("object_attributes", "sha").lower()
    commit_us = moment_us(sent.at("object_attributes", "created_at").value)
    yield from (
        (commit_us, fact) for fact in commit_told(sent.at("commit"), place, sent.name("object_attributes", "ref"))
    )
    for job in sent.items("builds"):
        environment, state = job.name("environment", "name"), _STATES.get(job.text("status"), "")
        if not (environment and state and job.name("id") and job.text("environment", "action") in ("start", "")):
            continue
        actor = job.name("user", "username")
        fact = DeploymentTold(place, f"job-{job.name('id')}", environment, state, sha=sha, actor=actor)
        yield moment_us(job.at("finished_at").value), fact


def _push(sent: Tree, place: str) -> Iterable[tuple[int, Fact]]:
    """GitLab says nowhere when it was pushed; a commit's own time is set by whoever commits."""
    branch = sent.text("ref").removeprefix("refs/heads/")
    for commit in sent.items("commits"):
        yield from ((0, fact) for fact in commit_told(commit, place, branch))


def _merge_request(sent: Tree, place: str) -> Iterable[tuple[int, Fact]]:
    request = sent.at("object_attributes")
    number, head = request.name("iid"), request.name("last_commit", "id").lower()
    if not (number and head):
        return
    at_us = moment_us(request.at("updated_at").value)
    review = _REVIEWS.get(request.text("action"))
    if review:
        yield from ((at_us, fact) for fact in _review(sent, place, number, head, review))
    merged_us = moment_us(request.at("merged_at").value)
    if request.text("action") == "merge":
        merged_us = merged_us or at_us
    if request.text("state") == "merged" and not merged_us:
        # Edited after it was merged: nothing here says when that was, and the delivery of the merge did.
        return
    yield at_us, _change(sent, place, number, head, merged_us)


def _review(sent: Tree, place: str, number: str, head: str, state: str) -> Iterable[Fact]:
    """An author's own approval is none; GitLab names the author by number alone."""
    reviewer, author = sent.name("user", "username"), sent.name("object_attributes", "author_id")
    if reviewer and sent.name("user", "id") != author:
        yield ReviewTold(place, number, reviewer, state, head)


def _change(sent: Tree, place: str, number: str, head: str, merged_us: int) -> ChangeTold:
    request = sent.at("object_attributes")
    title, description, branch = request.text("title"), request.text("description"), request.name("source_branch")
    author = _author(sent)
    bot = wording.is_bot(author)
    named = request.name("merge_commit_sha") or request.name("squash_commit_sha")
    return ChangeTold(
        place,
        number,
        author,
        head,
        base=request.name("target_branch"),
        branch=branch if _is_own(request) else f"{_owner(request)}:{branch}",
        # A fast-forward leaves no commit of its own.
        merge=(named.lower() or head) if merged_us else "",
        merged_us=merged_us,
        bot=bot,
        work_items=wording.joined(
            [*wording.work_items(place, title, description), *wording.branch_items(branch)],
        ),
        coauthors=wording.coauthors(description),
        reverts=wording.reverted_change(description, place.partition("/")[2]),
        sponsor=wording.sponsor(description) if bot else "",
    )


def _author(sent: Tree) -> str:
    """'' where the delivery names nobody of the author's number: an earlier one did, when it was opened."""
    author = sent.name("object_attributes", "author_id")
    people = [sent.at("user"), *sent.items("assignees"), *sent.items("reviewers")]
    return next((each.name("username") for each in people if author and each.name("id") == author), "")


def _is_own(request: Tree) -> bool:
    return request.name("source_project_id") == request.name("target_project_id")


def _owner(request: Tree) -> str:
    return request.name("source", "path_with_namespace").rpartition("/")[0] or "?"


def _issue(sent: Tree, place: str) -> Iterable[tuple[int, Fact]]:
    """An incident of GitLab's own, or an issue with the label 'incident'."""
    issue = sent.at("object_attributes")
    names = [label.text("title") for label in (*issue.items("labels"), *sent.items("labels"))]
    found = labelled([*names, issue.text("type")])
    number = issue.name("iid")
    if found is None or not number:
        return
    closed = issue.text("state") == "closed"
    fact = IncidentTold(
        f"{place}#{number}",
        "incident",
        "resolved" if closed else "begun",
        repository=place,
        service=found.service,
        environment=found.environment,
    )
    yield (
        moment_us(issue.at("closed_at").value or issue.at("updated_at").value)
        if closed
        else moment_us(issue.at("created_at").value),
        fact,
    )


_READERS: Final[Mapping[str, Callable[[Tree, str], Iterable[tuple[int, Fact]]]]] = {
    "deployment": _deployment,
    "pipeline": _pipeline,
    "push": _push,
    "merge_request": _merge_request,
    "issue": _issue,
    "work_item": _issue,
}

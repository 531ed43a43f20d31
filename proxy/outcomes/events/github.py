"""GitHub: its webhooks. The signature covers the body alone, so the body is what a delivery is known by.

X-GitHub-Delivery and X-GitHub-Event are outside the signature: whoever saw one delivery could send it again under
another id, or as another event. The same body tells the same under any id, and a body that doesn't have the shape of
its event tells nothing. (https://docs.github.com/en/webhooks/webhook-events-and-payloads)
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from proxy.model.repository import repository
from proxy.model.told import (
    ArtifactTold,
    ChangeTold,
    DeploymentTold,
    Fact,
    IncidentTold,
    ReviewTold,
)
from proxy.outcomes.events import wording
from proxy.outcomes.events.commits import commit_told
from proxy.outcomes.events.delivery import Telling
from proxy.outcomes.events.incidents import labelled
from proxy.outcomes.events.moments import moment_us
from proxy.outcomes.events.signing import Headers, Unverified, Verified, verified_by_hub
from proxy.outcomes.events.tree import Tree

BODY_BYTES_MAX: Final = 25 * 1024 * 1024
"""GitHub sends nothing larger."""

STATES: Final[Mapping[str, str]] = {
    "success": "success",
    "failure": "failure",
    "error": "failure",
    "inactive": "inactive",
}
"""Of a deployment; every other one is on its way."""
_REVIEWS: Final = frozenset(("approved", "changes_requested", "dismissed", "commented"))


def verify(body: bytes, headers: Headers, secrets: Sequence[str], _: int) -> Verified | Unverified:
    return verified_by_hub(body, headers, secrets)


def translate(event: str, sent: Tree, host: str) -> Telling:
    """`event`: X-GitHub-Event. `host`: of repositories whose address is not in the body."""
    reader = _READERS.get(event)
    place = _place(sent, host)
    return list(reader(sent, place)) if reader and place else []


def _place(sent: Tree, host: str) -> str:
    return repository(sent.text("repository", "html_url")) or repository(
        f"{host}/{sent.text('repository', 'full_name')}"
    )


def _deployment(sent: Tree, place: str) -> Iterable[tuple[int, Fact]]:
    yield from _deployed(sent, place, "pending", moment_us(sent.at("deployment", "created_at").value))


def _deployment_status(sent: Tree, place: str) -> Iterable[tuple[int, Fact]]:
    status = sent.at("deployment_status")
    state = STATES.get(status.text("state"), "pending")
    if status:
        actor = status.name("creator", "login") if state == "success" else ""
        yield from _deployed(sent, place, state, moment_us(status.at("created_at").value), actor)


def _deployed(sent: Tree, place: str, state: str, at_us: int, actor: str = "") -> Iterable[tuple[int, Fact]]:
    """`actor`: who says that it succeeded. Anybody who may write can say so of a deployment that a robot began."""
    deployment = sent.at("deployment")
    id_, environment = deployment.name("id"), deployment.name("environment")
    if id_ and environment:
        service = deployment.name("payload", "service")
        sha = deployment.name("sha").lower()
        yield at_us, DeploymentTold(place, id_, environment, state, service=service, sha=sha, actor=actor)


def _push(sent: Tree, place: str) -> Iterable[tuple[int, Fact]]:
    ref = sent.text("ref")
    branch = ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else ""
    # Whoever commits sets a commit's own time; this one is the server's.
    at_us = moment_us(sent.at("repository", "pushed_at").value)
    commits = {commit.name("id"): commit for commit in (*sent.items("commits"), sent.at("head_commit"))}
    for commit in commits.values():
        yield from ((at_us, fact) for fact in commit_told(commit, place, branch))


def _with_head(name: str) -> Callable[[Tree, str], Iterable[tuple[int, Fact]]]:
    """What runs on a commit names it, with its tree."""

    def read(sent: Tree, place: str) -> Iterable[tuple[int, Fact]]:
        run = sent.at(name)
        at_us = moment_us(run.at("created_at").value)
        yield from ((at_us, fact) for fact in commit_told(run.at("head_commit"), place, run.name("head_branch")))

    return read


def _pull_request(sent: Tree, place: str) -> Iterable[tuple[int, Fact]]:
    pull = sent.at("pull_request")
    number, head, author = pull.name("number"), pull.name("head", "sha").lower(), pull.name("user", "login")
    if not (number and head and author):
        return
    title, description = pull.text("title"), pull.text("body")
    merged_us = moment_us(pull.at("merged_at").value)
    bot = wording.is_bot(author, pull.text("user", "type"))
    yield (
        moment_us(pull.at("updated_at").value),
        ChangeTold(
            place,
            number,
            author,
            head,
            base=pull.name("base", "ref"),
            branch=_branch(pull),
            # Until it is merged, GitHub names a commit that only tries whether it could be.
            merge=pull.name("merge_commit_sha").lower() if merged_us else "",
            merged_us=merged_us,
            bot=bot,
            work_items=wording.joined(
                [*wording.work_items(place, title, description), *wording.branch_items(pull.name("head", "ref"))]
            ),
            coauthors=wording.coauthors(description),
            reverts=wording.reverted_change(description, place.partition("/")[2]),
            sponsor=wording.sponsor(description) if bot else "",
        ),
    )


def _branch(pull: Tree) -> str:
    branch = pull.name("head", "ref")
    same = pull.name("head", "repo", "id") == pull.name("base", "repo", "id")
    owner = pull.name("head", "user", "login") or pull.name("head", "repo", "owner", "login")
    return branch if same else f"{owner or '?'}:{branch}"


def _review(sent: Tree, place: str) -> Iterable[tuple[int, Fact]]:
    review = sent.at("review")
    state = "dismissed" if sent.text("action") == "dismissed" else review.text("state").lower()
    number, reviewer = sent.name("pull_request", "number"), review.name("user", "login")
    if not (number and reviewer and state in _REVIEWS):
        return
    at_us = moment_us(review.at("submitted_at").value)
    if state == "dismissed":
        at_us = moment_us(review.at("updated_at").value) or moment_us(sent.at("pull_request", "updated_at").value)
    fact = ReviewTold(place, number, reviewer, state, review.name("commit_id").lower(), review.name("id"))
    yield at_us, fact


def _issue(sent: Tree, place: str) -> Iterable[tuple[int, Fact]]:
    """An issue with the label 'incident': begun when it was opened, over when it was closed."""
    issue = sent.at("issue")
    found = labelled(label.text("name") for label in issue.items("labels"))
    number = issue.name("number")
    if found is None or not number or sent.at("issue", "pull_request"):
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
    yield moment_us(issue.at("closed_at" if closed else "created_at").value), fact


def _package(sent: Tree, place: str) -> Iterable[tuple[int, Fact]]:
    """A container image that was pushed, with the commit it was built from."""
    for name in ("registry_package", "package"):
        version = sent.at(name, "package_version")
        digest = version.name("container_metadata", "tag", "digest") or version.name("name")
        sha = version.name("target_oid").lower()
        if digest.startswith("sha256:") and sha and sent.text(name, "package_type").lower() in ("container", "docker"):
            yield moment_us(version.at("created_at").value), ArtifactTold(digest, place, sha)


_READERS: Final[Mapping[str, Callable[[Tree, str], Iterable[tuple[int, Fact]]]]] = {
    "deployment": _deployment,
    "deployment_status": _deployment_status,
    "push": _push,
    "pull_request": _pull_request,
    "pull_request_review": _review,
    "workflow_run": _with_head("workflow_run"),
    "check_suite": _with_head("check_suite"),
    "issues": _issue,
    "registry_package": _package,
    "package": _package,
}
"""Events that tell something. All others are taken, and tell nothing: a release is no deployment."""

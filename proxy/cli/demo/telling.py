"""What the company's GitHub would tell of it: signed deliveries as it happens, and the time before as an import."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from proxy.cli.demo.repositories import Known
from proxy.cli.demo.shipping import Change, Deployment, Shipping

DEPLOYER: Final = "github-actions[bot]"
HOST: Final = "github.com"
_REVIEWED: Final = timedelta(minutes=20)
"""Before the merge."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Delivery:
    at: datetime
    event: str
    body: bytes

    def headers(self, secret: str) -> dict[str, str]:
        return {
            "content-type": "application/json",
            "x-github-event": self.event,
            "x-github-delivery": hashlib.sha256(self.body).hexdigest()[:32],
            "x-hub-signature-256": f"sha256={hmac.new(secret.encode(), self.body, hashlib.sha256).hexdigest()}",
        }


def deliveries(told: Shipping, commits: Known) -> list[Delivery]:
    """In the order of time."""
    found = [each for change in told.changes for each in _of_change(change, commits)]
    found += [_of_deployment(each, commits) for each in told.deployments]
    return sorted(found, key=lambda each: each.at)


def _of_change(change: Change, commits: Known) -> Iterator[Delivery]:
    head, merge = commits[change.repository, change.number]
    at = change.at - _REVIEWED
    review = {"id": change.number, "user": {"login": change.reviewer}, "state": "approved", "commit_id": head}
    yield _delivery(change.repository, at, "pull_request_review", {
        "action": "submitted",
        "review": review | {"submitted_at": _iso(at)},
        "pull_request": {"number": change.number, "updated_at": _iso(at)},
    })  # fmt: skip
    yield _delivery(change.repository, change.at, "pull_request", {
        "action": "closed",
        "pull_request": {
            "number": change.number,
            "user": {"login": change.author, "type": "User"},
            "title": change.branch,
            "body": "",
            "head": {"sha": head, "ref": change.branch, "repo": {"id": 1}},
            "base": {"ref": "main", "repo": {"id": 1}},
            "updated_at": _iso(change.at),
            "merged_at": _iso(change.at),
            "merge_commit_sha": merge,
        },
    })  # fmt: skip


def _of_deployment(each: Deployment, commits: Known) -> Delivery:
    merge = commits[each.repository, each.number].merge
    made = {"id": each.id, "sha": merge, "environment": "production", "payload": {}, "created_at": _iso(each.at)}
    status = {"state": "success", "creator": {"login": DEPLOYER}, "created_at": _iso(each.at)}
    return _delivery(
        each.repository, each.at, "deployment_status",
        {"action": "created", "deployment": made, "deployment_status": status},
    )  # fmt: skip


def _delivery(repository: str, at: datetime, event: str, document: Json) -> Delivery:
    whose = {"full_name": f"acme/{repository}", "html_url": f"https://{HOST}/acme/{repository}"}
    return Delivery(at, event, json.dumps({"repository": whose} | document).encode())


def past(told: Shipping, commits: Known) -> list[Json]:
    """As the import takes it."""
    found: list[Json] = []
    for change in told.changes:
        head, merge = commits[change.repository, change.number]
        which = {"repository": f"{HOST}/acme/{change.repository}", "number": f"{change.number}"}
        at = _iso(change.at)
        found.append(
            {"kind": "change", **which, "author": change.author, "head": head, "base": "main", "merge": merge}
            | {"branch": change.branch, "merged_at": at, "occurred_at": at}
        )
        found.append(
            {"kind": "review", **which, "reviewer": change.reviewer, "state": "approved", "commit": head}
            | {"occurred_at": _iso(change.at - _REVIEWED)}
        )
    for each in told.deployments:
        which = {"repository": f"{HOST}/acme/{each.repository}", "deployment": f"{each.id}"}
        sha = commits[each.repository, each.number].merge
        found.append(
            {"kind": "deployment", **which, "environment": "production", "sha": sha, "occurred_at": _iso(each.at)}
        )
    return found


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

"""Deliveries in the shapes that sources send, made up for tests: bodies, headers, and the signatures on them."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from proxy.model.service import EventSource, Service, Services, SourceKind
from proxy.outcomes.events.signing import sign

NOW_US = 1_800_000_000_000_000
NOW = "2027-01-15T08:00:00Z"
"""The same time."""
SECRET = "a secret of alice's"
TOKEN = "whsec_" + base64.b64encode(b"k" * 32).decode()
PLACE = "github.com/acme/checkout"
HEAD, MERGE, TREE = "1a" * 20, "2b" * 20, "3c" * 20
DIGEST = "sha256:" + "4d" * 32

Json = dict[str, Any]


@dataclass(frozen=True)
class Sent:
    """One request."""

    kind: SourceKind
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def at(seconds: int = 0) -> str:
    """So many seconds after NOW, within the day."""
    hours, rest = divmod(8 * 3600 + seconds, 3600)
    return f"2027-01-15T{hours:02}:{rest // 60:02}:{rest % 60:02}Z"


def services(**given: Any) -> Services:
    """One service, and a source of each kind, which is called as its kind."""
    checkout = Service(
        "checkout", (PLACE, "gitlab.com/acme/checkout"), ("production",), 0, names=("pod/checkout",), **given
    )
    hosts = {"github": "github.com", "gitlab": "gitlab.com", "generic": "github.com"}
    kinds: tuple[SourceKind, ...] = ("github", "gitlab", "argocd", "cdevents", "generic")
    sources = {kind: EventSource(kind, kind, (("env", "SECRET"),), host=hosts.get(kind, "")) for kind in kinds}
    return Services({"checkout": checkout}, sources)


# --- GitHub


def github(event: str, document: Json, secret: str = SECRET, delivery: str = "d-1") -> Sent:
    body = json.dumps(
        {"repository": {"full_name": "acme/Checkout", "html_url": f"https://{PLACE}"}} | document
    ).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "content-type": "application/json",
        "x-github-event": event,
        "x-github-delivery": delivery,
        "x-hub-signature-256": f"sha256={signature}",
    }
    return Sent("github", body, headers)


def deployment_status(state: str = "success", id_: int = 7, seconds: int = 0, **deployment: Any) -> Json:
    made = {"id": id_, "sha": MERGE, "environment": "production", "payload": {}, "created_at": at(-60)} | deployment
    status = {"state": state, "creator": {"login": "robot[bot]"}, "created_at": at(seconds)}
    return {"action": "created", "deployment": made, "deployment_status": status}


def pull_request(**given: Any) -> Json:
    plain = {
        "number": 12,
        "user": {"login": "alice", "type": "User"},
        "title": "Refunds in parts",
        "body": "Part of PAY-12",
        "head": {"sha": HEAD, "ref": "refunds", "repo": {"id": 1}},
        "base": {"ref": "main", "repo": {"id": 1}},
        "updated_at": at(-3600),
        "merged_at": None,
        "merge_commit_sha": "9" * 40,
    }
    return {"action": "edited", "pull_request": plain | given}


def merged() -> Json:
    return pull_request(merged_at=at(-1800), updated_at=at(-1800), merge_commit_sha=MERGE)


def review(state: str = "approved", action: str = "submitted", seconds: int = -2000, **given: Any) -> Json:
    plain = {"id": 5, "user": {"login": "bob"}, "state": state, "commit_id": HEAD, "submitted_at": at(seconds)}
    return {"action": action, "review": plain | given, "pull_request": {"number": 12, "updated_at": at(seconds + 5)}}


def push(message: str = "Refunds in parts (#12)", **given: Any) -> Json:
    commit = {"id": MERGE, "tree_id": TREE, "message": message, "author": {"username": "alice"}} | given
    pushed = {"full_name": "acme/checkout", "html_url": f"https://{PLACE}", "pushed_at": NOW_US // 10**6 - 1790}
    return {"ref": "refs/heads/main", "commits": [commit], "head_commit": commit, "repository": pushed}


# --- the others


def standard(document: Json, token: str = TOKEN, id_: str = "w-1", sent_s: int = NOW_US // 10**6) -> Sent:
    """GitLab's, with a signing token."""
    body = json.dumps(document).encode()
    key = base64.b64decode(token.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(key, f"{id_}.{sent_s}.".encode() + body, "sha256")).decode()
    headers = {"webhook-id": id_, "webhook-timestamp": str(sent_s), "webhook-signature": f"v1,{signature}"}
    return Sent("gitlab", body, headers)


def ours(kind: SourceKind, document: Json, secret: str = SECRET, at_us: int = NOW_US) -> Sent:
    """With our own header."""
    body = json.dumps(document).encode()
    return Sent(kind, body, {"x-outlay-signature": sign(secret, body, at_us)})


def gitlab_project() -> Json:
    return {"project": {"web_url": "https://gitlab.com/acme/checkout", "path_with_namespace": "acme/checkout"}}


def gitlab_deployment(**given: Any) -> Json:
    plain = {
        "object_kind": "deployment",
        "status": "success",
        "status_changed_at": "2027-01-15 09:00:00 +0100",
        "deployment_id": 15,
        "deployable_id": 796,
        "environment": "production",
        "user": {"id": 51, "username": "alice"},
        "commit_url": f"https://gitlab.com/acme/checkout/-/commit/{MERGE}",
    }
    return gitlab_project() | plain | given


def merge_request(action: str, by: int = 51, **given: Any) -> Json:
    people = {51: "alice", 52: "bob"}
    plain = {
        "iid": 12,
        "action": action,
        "state": "merged" if action == "merge" else "opened",
        "author_id": 51,
        "title": "PAY-12 Refunds in parts",
        "description": "",
        "source_branch": "refunds",
        "target_branch": "main",
        "source_project_id": 14,
        "target_project_id": 14,
        "last_commit": {"id": HEAD},
        "updated_at": "2027-01-15 07:30:00 UTC",
    }
    user = {"id": by, "username": people[by]}
    return gitlab_project() | {"object_kind": "merge_request", "user": user, "object_attributes": plain | given}


def argo(**given: Any) -> Json:
    plain = {
        "trigger": "deployed",
        "uid": "u-1",
        "app": "checkout",
        "environment": "production",
        "revision": "5e" * 20,
        "phase": "Succeeded",
        "started": at(-60),
        "at": at(),
        "actor": "",
        "images": [f"registry.example.com/checkout@{DIGEST}"],
    }
    return plain | given


def cdevent(kind: str, subject: str, content: Json, custom: Json | None = None, **context: Any) -> Json:
    made = {
        "version": "0.4.1",
        "id": "e-1",
        "source": "/ci",
        "type": f"dev.cdevents.{kind}",
        "timestamp": NOW,
    } | context
    about = {"id": subject, "type": kind.partition(".")[0], "content": content}
    document: Json = {"context": made, "subject": about}
    return document | ({"customData": custom} if custom else {})


def purl() -> str:
    return f"pkg:oci/checkout@{DIGEST.replace(':', '%3A')}?vcs_url=git%2Bhttps://{PLACE}.git%40{MERGE}"


def generic(**given: Any) -> Json:
    plain = {
        "event_id": "build-1",
        "repository": PLACE,
        "service": "checkout",
        "environment": "production",
        "sha": MERGE,
        "occurred_at": NOW,
    }
    return plain | given

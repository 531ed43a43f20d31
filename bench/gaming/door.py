"""Door: what is tried on it, deliveries that are forged, replayed or back-dated, as real bytes.

They go through the product's own verification and translation: what it believes becomes lines, the rest is counted.
"""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from bench.gaming.plan import HOUR, MINUTE, Plan, Work
from bench.gaming.strategy import Strategy
from bench.gaming.world import World
from proxy.outcomes.events.delivery import UnreadableError
from proxy.outcomes.events.receiving import Sender, received
from proxy.outcomes.events.signing import Unverified
from tests.fakes.telling import SOURCES, at

SECRET: Final = "what the organisation's webhook is signed with"
GUESSED: Final = "what somebody took it for"


def send(world: World, event: str, document: dict[str, Any], day: float, *, secret: str, delivery: str) -> None:
    """To POST /v1/events/github."""
    body = json.dumps(document).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "content-type": "application/json",
        "x-github-event": event,
        "x-github-delivery": delivery,
        "x-hub-signature-256": f"sha256={signature}",
    }
    try:
        found = received("github", [Sender(SOURCES["github"], [SECRET])], body, headers, at(day))
    except UnreadableError as error:
        found = Unverified(str(error))
    if isinstance(found, Unverified):
        world.refused += 1
        return
    world.lines += found.lines(at(day))


def time_of(day: float) -> str:
    return datetime.fromtimestamp(at(day) / 1e6, UTC).isoformat().replace("+00:00", "Z")


def _repository(place: str) -> dict[str, Any]:
    return {"repository": {"full_name": place.partition("/")[2], "html_url": f"https://{place}"}}


def status(place: str, name: str, sha: str, day: float, number: int = 1) -> dict[str, Any]:
    return _repository(place) | {
        "deployment": {"id": name, "sha": sha, "environment": "production", "created_at": time_of(day - MINUTE)},
        "deployment_status": {
            "id": number,
            "state": "success",
            "creator": {"login": "deploy-bot"},
            "created_at": time_of(day),
        },
    }


def review(place: str, number: str, head: str, reviewer: str, day: float) -> dict[str, Any]:
    return _repository(place) | {
        "action": "submitted",
        "review": {
            "id": f"r{number}",
            "user": {"login": reviewer},
            "state": "approved",
            "commit_id": head,
            "submitted_at": time_of(day),
        },
        "pull_request": {"number": number, "updated_at": time_of(day)},
    }


def _unreviewed(plan: Plan, number: int, day: float) -> Work:
    """On a branch of its own, so that no true deployment brings it."""
    return Work(
        plan.mine(), f"9{number:03}", day, day + HOUR, plan.persons()[0], (), given={"work_items": (), "base": "side"}
    )


def forged(plan: Plan, count: int, secret: str = GUESSED) -> None:
    """A change that nobody reviewed, with an approval and a deployment that nobody sent."""

    def act(world: World, work: Work) -> None:
        world.put(work)
        place, name = world.repository(work.service), f"{work.service}-{work.number}"
        send(
            world,
            "pull_request_review",
            review(place, work.number, f"h-{name}", plan.persons()[1], work.merged - HOUR),
            work.merged,
            secret=secret,
            delivery=f"forged-r{work.number}",
        )
        send(
            world,
            "deployment_status",
            status(place, f"forged{work.number}", f"m-{name}", work.deployed),
            work.deployed,
            secret=secret,
            delivery=f"forged-d{work.number}",
        )

    for number, day in enumerate(plan.slots(count)):
        plan.do(day, partial(act, work=_unreviewed(plan, number, day)))


def repeated(plan: Plan, count: int) -> None:
    """What the organisation's GitHub did send: again, under other delivery ids, later, and with further statuses."""

    def act(world: World, work: Work, number: int) -> None:
        place, name = world.repository(work.service), f"d-{work.service}-{work.number}"
        sha = world.ran[work.service][-1]
        true = status(place, name, sha, work.deployed)
        for turn in range(3):
            send(
                world,
                "deployment_status",
                true,
                work.deployed + turn * 9,
                secret=SECRET,
                delivery=f"again{number}-{turn}",
            )
            later = status(place, name, sha, work.deployed + turn * 3, 2 + turn)
            send(
                world,
                "deployment_status",
                later,
                work.deployed + turn * 3,
                secret=SECRET,
                delivery=f"more{number}-{turn}",
            )

    for number, work in enumerate(plan.measured()[:count]):
        plan.do(work.deployed + MINUTE / 1000, partial(act, work=work, number=number))


def stale(plan: Plan, count: int) -> None:
    """True deployments, told when they happen, but dated ten days back, into weeks with less in them."""

    def act(world: World, work: Work) -> None:
        place, name = world.repository(work.service), f"d-{work.service}-{work.number}"
        world.lines = [each for each in world.lines if each.facts.get("deployment") != name]
        sent = status(place, name, world.ran[work.service][-1], work.deployed - 10)
        send(world, "deployment_status", sent, work.deployed, secret=SECRET, delivery=f"stale{work.number}")

    for work in plan.measured()[:count]:
        plan.do(work.deployed + MINUTE / 1000, partial(act, work=work))


DOOR: Final = (
    Strategy("9", "forged deliveries: deployments and approvals", "401", forged),
    Strategy("11", "deliveries replayed; many success statuses", "ids; one row", repeated),
    Strategy("22", "back-dated deliveries", "clamped", stale),
)

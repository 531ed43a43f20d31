"""Deployment event: what a pipeline tells of a deployment, as the generic kind of events has it; sent, signed."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import httpx
import msgspec

from proxy.outcomes.events.signing import SIGNATURE, sign

PATH: Final = "/v1/events/generic"
ANSWER_S: Final = 10.0
PAUSES_S: Final = (1.0, 3.0)
"""Before the second and the third attempt: a pipeline doesn't wait for long."""
_LATER: Final = (408, 425, 429, 500, 502, 503, 504)

Event = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """How it ended."""

    document: Mapping[str, Any] | None
    """The ledger's answer, once it is on record; None: it is not."""
    why: str = ""


def deployment_event(facts: Mapping[str, str], run: str, occurred_at: str) -> Event:
    """`run`: what tells this step from others. The same step tells the same event, however often it is run through;
    states of one deployment that one run tells share its id."""
    said = {name: value for name, value in facts.items() if value}
    one = [said.get(name, "") for name in ("repository", "service", "environment")]
    deployment = said.pop("deployment", "") or f"{run.partition('/')[0]}-{_hash(run, *one)}"
    event_id = _hash(run, deployment, *(f"{name}={value}" for name, value in sorted(said.items())))
    return {"event_id": event_id, "kind": "deployment", "deployment": deployment, "occurred_at": occurred_at, **said}


def send(
    client: httpx.Client,
    event: Event,
    secret: str,
    source: str,
    now_us: Callable[[], int],
    pause: Callable[[float], None] = time.sleep,
) -> Answer:
    """Told to a ledger; what may yet succeed is tried again, signed anew each time."""
    body = msgspec.json.encode(event)
    for pause_s in (*PAUSES_S, None):
        headers = {SIGNATURE: sign(secret, body, now_us()), "content-type": "application/json"}
        found, again = _attempt(client, body, headers, {"source": source} if source else {})
        if pause_s is None or not again:
            break
        pause(pause_s)
    return found


def _attempt(
    client: httpx.Client, body: bytes, headers: Mapping[str, str], parameters: Mapping[str, str]
) -> tuple[Answer, bool]:
    """And whether another may end better."""
    try:
        answer = client.post(PATH, content=body, headers=dict(headers), params=dict(parameters))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Answer(None, f"no answer from {client.base_url}: {error or type(error).__name__}"), True
    try:
        said = answer.json()
    except ValueError:
        said = None
    if answer.is_success and isinstance(said, dict) and "told" in said:
        return Answer(said), False
    return Answer(None, _why(said, answer)), answer.status_code in _LATER


def _why(said: Any, answer: httpx.Response) -> str:
    try:
        return str(said["error"]["message"])
    except (KeyError, TypeError):
        return f"{answer.request.url} answered {answer.status_code}; is it an outlay control plane?"


def _hash(*parts: str) -> str:
    return sha256("\0".join(parts).encode(errors="replace")).hexdigest()[:24]

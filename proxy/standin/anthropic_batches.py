"""Anthropic's message batches at the stand-in: its routes."""

from typing import Any, Final

import msgspec
from starlette.routing import Route

from proxy.standin.anthropic_messages import AnthropicMessages
from proxy.standin.batches import Asked, Batch, Batches, Done, counts, new_id
from proxy.standin.exchange import received
from proxy.standin.plain import Asking, Handle, PlainExchange, Reply, object_reply
from proxy.standin.protocol import WrongRequestError
from proxy.standin.tally import Tally

CREATED_AT: Final = "2026-01-01T00:00:00Z"
EXPIRES_AT: Final = "2026-01-02T00:00:00Z"
ROOT: Final = "/v1/messages/batches"


def routes(tally: Tally) -> list[Route]:
    batches = AnthropicBatches(tally)

    def place(method: str, path: str, operation: str, handle: Handle) -> Route:
        return Route(ROOT + path, PlainExchange(operation, "anthropic", handle, tally), methods=[method])

    return [
        place("POST", "", "batch_submit", batches.submit),
        place("GET", "", "batches", batches.list),
        place("GET", "/{id}", "batches", batches.one),
        place("GET", "/{id}/results", "batch_results", batches.results),
        place("POST", "/{id}/cancel", "batches", batches.cancel),
        place("DELETE", "/{id}", "batch_deleted", batches.delete),
    ]


class AnthropicBatches:
    def __init__(self, tally: Tally) -> None:
        self._batches = Batches(tally, lambda batch: None)

    def submit(self, asking: Asking) -> Reply:
        form = AnthropicMessages()
        asked = asking.json().get("requests")
        try:
            requests = [Asked(each["custom_id"], form, each["params"]) for each in asked or ()]
        except (TypeError, KeyError):
            raise WrongRequestError("requests: each has a custom_id and params", param="requests") from None
        if not requests:
            raise WrongRequestError("requests: Field required", param="requests")
        batch = self._batches.submit(
            new_id("msgbatch"), requests, asking.behaviour, received(asking.scope, asking.body)
        )
        return object_reply(_told(batch, asking))

    def one(self, asking: Asking) -> Reply:
        return object_reply(_told(self._batches.polled(asking.path["id"]), asking))

    def list(self, asking: Asking) -> Reply:
        rows = [_told(batch, asking) for batch in self._batches.listed()]
        ends = {"first_id": rows[0]["id"], "last_id": rows[-1]["id"]} if rows else {"first_id": None, "last_id": None}
        return object_reply({"data": rows, "has_more": False, **ends})

    def cancel(self, asking: Asking) -> Reply:
        return object_reply(_told(self._batches.cancel(asking.path["id"]), asking))

    def delete(self, asking: Asking) -> Reply:
        self._batches.delete(asking.path["id"])
        return object_reply({"id": asking.path["id"], "type": "message_batch_deleted"})

    def results(self, asking: Asking) -> Reply:
        batch = self._batches.find(asking.path["id"])
        if not batch.ended:
            raise WrongRequestError("the batch has not ended", status=404)
        lines = [msgspec.json.encode(_line(done)) + b"\n" for done in batch.done]
        lines += [
            msgspec.json.encode({"custom_id": asked.custom_id, "result": {"type": "canceled"}}) + b"\n"
            for asked in batch.asked[len(batch.done) :]
        ]
        return Reply(b"".join(lines), b"application/x-jsonl")


def _told(batch: Batch, asking: Asking) -> dict[str, Any]:
    """The batch object; its results' address is absolute, at this very provider, as the real one's is."""
    counted = counts(batch)
    url = f"http://{asking.headers.get('host', '')}{ROOT}/{batch.id}/results"
    return {
        "id": batch.id,
        "type": "message_batch",
        "processing_status": "ended" if batch.ended else "in_progress",
        "request_counts": {
            "processing": 0 if batch.ended else counted["asked"],
            "succeeded": counted["done"],
            "errored": counted["failed"],
            "canceled": counted["asked"] - counted["done"] - counted["failed"] if batch.ended else 0,
            "expired": 0,
        },
        "created_at": CREATED_AT,
        "expires_at": EXPIRES_AT,
        "ended_at": CREATED_AT if batch.ended else None,
        "cancel_initiated_at": CREATED_AT if batch.cancelled else None,
        "archived_at": None,
        "results_url": url if batch.ended else None,
    }


def _line(done: Done) -> dict[str, Any]:
    if done.answer is not None:
        return {"custom_id": done.custom_id, "result": {"type": "succeeded", "message": done.answer}}
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": done.error}}
    return {"custom_id": done.custom_id, "result": {"type": "errored", "error": error}}

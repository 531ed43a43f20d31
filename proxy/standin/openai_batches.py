"""OpenAI's files and batches at the stand-in: its routes."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec
from starlette.routing import Route

from proxy.standin.batches import Asked, Batch, Batches, counts, new_id
from proxy.standin.exchange import received
from proxy.standin.files import Files
from proxy.standin.openai_chat import OpenAIChat
from proxy.standin.openai_embeddings import OpenAIEmbeddings
from proxy.standin.openai_responses import OpenAIResponses
from proxy.standin.plain import Asking, Handle, PlainExchange, Reply, object_reply
from proxy.standin.protocol import CREATED, Format, WrongRequestError
from proxy.standin.tally import Tally

FORMATS: Final[Mapping[str, Format]] = {
    "/v1/chat/completions": OpenAIChat(),
    "/chat/completions": OpenAIChat(),
    "/v1/responses": OpenAIResponses(),
    "/v1/embeddings": OpenAIEmbeddings(),
}
"""By the endpoint that a batch is for; Azure's has no version."""
LIMIT_DEFAULT: Final = 20


def routes(tally: Tally, formats: Mapping[str, Format] = FORMATS, base: str = "/v1") -> list[Route]:
    """Files, uploads and batches beneath `base`, with a store of their own."""
    files = Files()
    batches = OpenAIBatches(tally, files, formats)

    def place(method: str, path: str, operation: str, handle: Handle) -> Route:
        return Route(base + path, PlainExchange(operation, "openai", handle, tally), methods=[method])

    return [
        place("POST", "/files", "file_upload", files.upload),
        place("GET", "/files", "files", files.list),
        place("GET", "/files/{id}", "files", files.one),
        place("DELETE", "/files/{id}", "files", files.delete),
        place("GET", "/files/{id}/content", "file_content", files.content),
        place("POST", "/uploads", "uploads", files.begin),
        place("POST", "/uploads/{id}/parts", "uploads", files.part),
        place("POST", "/uploads/{id}/complete", "file_upload", files.complete),
        place("POST", "/uploads/{id}/cancel", "uploads", files.cancel),
        place("POST", "/batches", "batch_submit", batches.submit),
        place("GET", "/batches", "batches", batches.list),
        place("GET", "/batches/{id}", "batches", batches.one),
        place("POST", "/batches/{id}/cancel", "batches", batches.cancel),
    ]


class OpenAIBatches:
    def __init__(self, tally: Tally, files: Files, formats: Mapping[str, Format]) -> None:
        self._files = files
        self._formats = formats
        self._batches = Batches(tally, self._keep)

    def submit(self, asking: Asking) -> Reply:
        asked = asking.json()
        endpoint = asked.get("endpoint")
        form = self._formats.get(endpoint) if isinstance(endpoint, str) else None
        if form is None:
            raise WrongRequestError(f"no batch can be made for {endpoint!r}", param="endpoint")
        file = self._files.find(str(asked.get("input_file_id", "")))
        batch = self._batches.submit(
            new_id("batch"),
            [_asked(line, form) for line in file.content.splitlines() if line.strip()],
            asking.behaviour,
            received(asking.scope, asking.body),
            endpoint=endpoint,
            input_file_id=file.id,
            completion_window=asked.get("completion_window", "24h"),
            metadata=asked.get("metadata"),
        )
        return object_reply(_told(batch))

    def one(self, asking: Asking) -> Reply:
        return object_reply(_told(self._batches.polled(asking.path["id"])))

    def list(self, asking: Asking) -> Reply:
        limit = int(parse_qs(asking.scope["query_string"].decode()).get("limit", [str(LIMIT_DEFAULT)])[0])
        listed = self._batches.listed()
        rows = [_told(batch) for batch in listed[:limit]]
        ends = {"first_id": rows[0]["id"], "last_id": rows[-1]["id"]} if rows else {}
        return object_reply({"object": "list", "data": rows, "has_more": len(listed) > limit, **ends})

    def cancel(self, asking: Asking) -> Reply:
        return object_reply(_told(self._batches.cancel(asking.path["id"])))

    def _keep(self, batch: Batch) -> None:
        """Put the results of a batch that has ended into files."""
        for name, wanted in (("output_file_id", True), ("error_file_id", False)):
            lines = [
                _line(done, number) for number, done in enumerate(batch.done) if (done.answer is not None) is wanted
            ]
            content = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
            kept = self._files.keep(f"{batch.id}_{name}.jsonl", "batch_output", content) if lines else None
            batch.files[name] = kept.id if kept else None


def _asked(line: bytes, form: Format) -> Asked:
    try:
        asked = msgspec.json.decode(line)
        return Asked(str(asked["custom_id"]), form, asked["body"])
    except (msgspec.DecodeError, KeyError, TypeError):
        raise WrongRequestError("a line of the input file is no request", param="input_file_id") from None


def _told(batch: Batch) -> dict[str, Any]:
    """The batch object; with its usage only once it has ended."""
    counted = counts(batch)
    status = "in_progress" if not batch.ended else "cancelled" if batch.cancelled else "completed"
    shown = batch.ended and batch.behaviour.usage == "normal"
    return {
        "id": batch.id,
        "object": "batch",
        **batch.told,
        "status": status,
        "errors": None,
        "model": batch.model or None,
        "output_file_id": batch.files.get("output_file_id"),
        "error_file_id": batch.files.get("error_file_id"),
        "created_at": CREATED,
        "completed_at": CREATED + 60 if batch.ended else None,
        "request_counts": {"total": counted["asked"], "completed": counted["done"], "failed": counted["failed"]},
        **({"usage": _usage(batch)} if shown else {}),
    }


def _usage(batch: Batch) -> dict[str, Any]:
    usage = batch.usage
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cache_read},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt_tokens + usage.output_tokens,
    }


def _line(done: Any, number: int) -> dict[str, Any]:
    failed = {"error": {"message": done.error, "type": "invalid_request_error", "param": "model", "code": None}}
    return {
        "id": f"batch_req_{number:08d}",
        "custom_id": done.custom_id,
        "response": {
            "status_code": 200 if done.answer is not None else 404,
            "request_id": f"req_{number:08d}",
            "body": done.answer if done.answer is not None else failed,
        },
        "error": None,
    }

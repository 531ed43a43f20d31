"""The dialect of Azure OpenAI: OpenAI's formats at Azure's paths, in both styles.

The classic style has the deployment in the path and a date in `api-version`; the v1 style is OpenAI's own with the
deployment as the model. What a deployment runs is said by its answers, and beforehand by providers.yaml
(`deployments:`), if at all: its name is whatever its owner chose.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import parse_qsl, quote, unquote

from proxy.dialects import (
    messages,
    openai_allowances,
    openai_batched,
    openai_chat,
    openai_edits,
    openai_errors,
    openai_operations,
    openai_places,
    openai_socket,
    prompt,
)
from proxy.dialects.dialect import MODEL, Batched, Meter, ModelList, Operation, Splice, UnreadableError
from proxy.dialects.messages import Message
from proxy.dialects.socket import Conversation
from proxy.model.allowance import Allowance
from proxy.model.call import Request
from proxy.model.decision import Refusal

DEPLOYMENTS: Final = Operation("deployments", priced=False, body_read=False, lists=ModelList())
USAGE_SINCE: Final = "2024-09"
"""The first API version that knows `stream_options`; older ones answer 400 to it."""

_V1: Final = "/openai/v1"
_DEPLOYED: Final = re.compile(r"/openai/deployments/([^/]+)(/.+)")
_WITHOUT_DEPLOYMENT: Final = ("/responses", "/models", "/files", "/uploads", "/batches")
_NAME: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f/]{1,200}")


class Azure:
    name = "azure"
    marker_header = b""
    allowance_prefix = openai_allowances.PREFIX
    mount = "azure"

    def operation(self, method: str, path: str) -> Operation | None:
        if path.startswith(_V1 + "/"):
            return openai_places.operation(method, path.removeprefix(_V1))
        deployed = _DEPLOYED.fullmatch(path)
        if deployed is not None:
            return openai_operations.POSTED.get(deployed[2]) if method == "POST" else None
        if path == "/openai/deployments" or path.startswith("/openai/deployments/"):
            name = unquote(path.removeprefix("/openai/deployments").strip("/"))
            return replace(DEPLOYMENTS, lists=ModelList(name)) if method == "GET" else None
        rest = path.removeprefix("/openai") if path.startswith("/openai/") else ""
        return openai_places.operation(method, rest) if rest.startswith(_WITHOUT_DEPLOYMENT) else None

    def read(self, operation: Operation, body: bytes, headers: dict[bytes, bytes], target: bytes) -> Request:
        request = openai_operations.read(operation, body, headers)
        path, _, query = target.decode("latin-1").partition("?")
        if path.startswith(_V1 + "/"):
            return request
        deployed = _DEPLOYED.fullmatch(path)
        model = _deployment(deployed[1]) if deployed else request.model
        version = dict(parse_qsl(query)).get("api-version", "")
        return replace(request, model=model, usage_asked=request.usage_asked or version < USAGE_SINCE)

    def batched(self, operation: Operation, content: bytes, headers: dict[bytes, bytes]) -> Iterator[Batched]:
        return openai_batched.calls(operation, content, headers)

    def ask_usage(self, operation: Operation, body: bytes) -> Splice | None:
        return openai_chat.ask_usage(body)

    def limit_output(self, operation: Operation, request: Request, body: bytes, tokens: int) -> Splice | None:
        return openai_edits.limit_output(operation, body, tokens)

    def replace_model(
        self, operation: Operation, request: Request, target: bytes, body: bytes, model: str
    ) -> Splice | None:
        path, mark, query = target.partition(b"?")
        deployed = _DEPLOYED.fullmatch(path.decode("latin-1"))
        if deployed is None:
            return openai_edits.replace_model(operation, body, model)
        there = f"/openai/deployments/{quote(model, safe='')}{deployed[2]}".encode("latin-1")
        return Splice(body, MODEL, there + mark + query)

    def streams(self, operation: Operation, content_type: bytes) -> bool:
        return openai_operations.streams(operation, content_type)

    def meter(self, operation: Operation, request: Request, *, content_type: bytes, hide_usage: bool) -> Meter:
        return openai_places.meter(operation, request, content_type, hide_usage=hide_usage)

    def socket(self, path: str, target: bytes, headers: dict[bytes, bytes]) -> Conversation | None:
        found = openai_socket.conversation(_V1, path, target, headers)
        if found is None and path == "/openai" + openai_socket.REALTIME:
            return openai_socket.conversation("/openai", path, target, headers)
        return found

    def sidestep(self, path: str) -> str:
        return openai_socket.sidestep(_V1, path)

    def credential(self, secret: str) -> tuple[bytes, bytes]:
        return b"api-key", secret.encode()

    def refusal(self, refusal: Refusal, call_id: str) -> bytes:
        return openai_errors.body(refusal, call_id)

    def allowance_headers(self, allowances: Sequence[Allowance]) -> list[tuple[bytes, bytes]]:
        return openai_allowances.headers(allowances)

    def stream_error(self, operation: Operation, refusal: Refusal, call_id: str, *, content_type: bytes = b"") -> bytes:
        return openai_errors.event(operation, refusal, call_id)

    def prompt_texts(self, content: Sequence[bytes]) -> tuple[list[str], int]:
        return prompt.prompt_texts(content)

    def messages(self, content: Sequence[bytes]) -> list[Message]:
        return messages.messages(content)


def _deployment(text: str) -> str:
    """Raises UnreadableError."""
    name = unquote(text)
    if not _NAME.fullmatch(name):
        raise UnreadableError("The deployment in the path must be a name of at most 200 printable characters.")
    return name

"""The dialect of OpenAI, and of the many servers that speak it."""

from collections.abc import Iterator, Sequence

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
from proxy.dialects.dialect import Batched, Meter, Operation, Splice
from proxy.dialects.messages import Message
from proxy.dialects.socket import Conversation
from proxy.model.allowance import Allowance
from proxy.model.call import Request
from proxy.model.decision import Refusal


class OpenAI:
    name = "openai"
    marker_header = b""
    allowance_prefix = openai_allowances.PREFIX
    mount = ""

    def operation(self, method: str, path: str) -> Operation | None:
        return openai_places.operation(method, path.removeprefix("/v1")) if path.startswith("/v1/") else None

    def read(self, operation: Operation, body: bytes, headers: dict[bytes, bytes], target: bytes) -> Request:
        return openai_operations.read(operation, body, headers)

    def batched(self, operation: Operation, content: bytes, headers: dict[bytes, bytes]) -> Iterator[Batched]:
        return openai_batched.calls(operation, content, headers)

    def ask_usage(self, operation: Operation, body: bytes) -> Splice | None:
        return openai_chat.ask_usage(body)

    def limit_output(self, operation: Operation, request: Request, body: bytes, tokens: int) -> Splice | None:
        return openai_edits.limit_output(operation, body, tokens)

    def replace_model(
        self, operation: Operation, request: Request, target: bytes, body: bytes, model: str
    ) -> Splice | None:
        return openai_edits.replace_model(operation, body, model)

    def streams(self, operation: Operation, content_type: bytes) -> bool:
        return openai_operations.streams(operation, content_type)

    def meter(self, operation: Operation, request: Request, *, content_type: bytes, hide_usage: bool) -> Meter:
        return openai_places.meter(operation, request, content_type, hide_usage=hide_usage)

    def socket(self, path: str, target: bytes, headers: dict[bytes, bytes]) -> Conversation | None:
        return openai_socket.conversation("/v1", path, target, headers)

    def sidestep(self, path: str) -> str:
        return openai_socket.sidestep("/v1", path)

    def credential(self, secret: str) -> tuple[bytes, bytes]:
        return b"authorization", b"Bearer " + secret.encode()

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

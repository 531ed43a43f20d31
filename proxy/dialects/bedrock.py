"""The dialect of Amazon Bedrock's runtime: converse and invoke, whole and streamed; counting tokens is free.

The paths stand under /bedrock; what a client signed is signed anew, since a signature covers the host.
"""

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

import msgspec

from proxy.dialects import anthropic_messages, bedrock_converse, bedrock_invoke, bedrock_prompt
from proxy.dialects.bedrock_frames import EVENT_STREAM, FrameListener, FrameMeter, WholeMeter, exception_frame
from proxy.dialects.bedrock_models import PATH, family, model_id
from proxy.dialects.dialect import MODEL, Meter, Operation, Splice, told
from proxy.dialects.messages import Message
from proxy.dialects.meters import SilentMeter
from proxy.model.call import Request
from proxy.model.decision import Reason, Refusal

CONVERSE: Final = Operation("converse", output_limited=True)
CONVERSE_STREAM: Final = Operation("converse_stream", output_limited=True)
INVOKE: Final = Operation("invoke", output_limited=True)
INVOKE_STREAM: Final = Operation("invoke_stream", output_limited=True)
COUNT: Final = Operation("count_tokens", priced=False)

_OPERATIONS: Final = {
    "converse": CONVERSE,
    "converse-stream": CONVERSE_STREAM,
    "invoke": INVOKE,
    "invoke-with-response-stream": INVOKE_STREAM,
    "count-tokens": COUNT,
}
_CONVERSING: Final = frozenset((CONVERSE.name, CONVERSE_STREAM.name))
_STREAMS: Final = frozenset((CONVERSE_STREAM.name, INVOKE_STREAM.name))

_DENIED: Final = "AccessDeniedException"
_INVALID: Final = "ValidationException"
_UNAVAILABLE: Final = "ServiceUnavailableException"
_TYPES: Final = {
    Reason.UNKNOWN_PATH: "ResourceNotFoundException",
    Reason.WEBSOCKET: "ResourceNotFoundException",
    Reason.MODEL_HIDDEN: "ResourceNotFoundException",
    Reason.INVALID_KEY: "UnrecognizedClientException",
    Reason.PROJECT_FORBIDDEN: _DENIED,
    Reason.POLICY: _DENIED,
    Reason.UNPRICED: _DENIED,
    Reason.PROVIDER_UNREACHABLE: _UNAVAILABLE,
    Reason.PROVIDER_TIMEOUT: "ModelTimeoutException",
    Reason.OVERLOADED: _UNAVAILABLE,
    Reason.UNMETERABLE: _UNAVAILABLE,
    Reason.BALANCE_UNKNOWN: _UNAVAILABLE,
}
"""As the runtime's API reference names its errors; boto3 makes a ClientError with that code of them."""


class Bedrock:
    name = "bedrock"
    marker_header = b""
    mount = "bedrock"

    def operation(self, method: str, path: str) -> Operation | None:
        found = PATH.fullmatch(path) if method == "POST" else None
        return _OPERATIONS[found[2]] if found else None

    def read(self, operation: Operation, body: bytes, headers: dict[bytes, bytes], target: bytes) -> Request:
        model = model_id(target)
        if operation.name == COUNT.name:
            return Request(model=model)
        stream = operation.name in _STREAMS
        if operation.name in _CONVERSING:
            return bedrock_converse.read(body, model, stream=stream)
        return bedrock_invoke.read(body, headers, model, stream=stream)

    def ask_usage(self, operation: Operation, body: bytes) -> Splice | None:
        """Never: every stream carries its usage."""
        return None

    def limit_output(self, operation: Operation, request: Request, body: bytes, tokens: int) -> Splice | None:
        """Of invoke's bodies those of Anthropic's models."""
        if operation.name in _CONVERSING:
            return bedrock_converse.limit_output(body, tokens)
        if family(request.model).startswith(bedrock_invoke.ANTHROPIC):
            return anthropic_messages.limit_output(request, body, tokens)
        return None

    def replace_model(
        self, operation: Operation, request: Request, target: bytes, body: bytes, model: str
    ) -> Splice | None:
        """Of invoke's calls none: its bodies are of one family of models each."""
        path, mark, query = target.partition(b"?")
        found = PATH.fullmatch(path.decode("latin-1"))
        if found is None or operation.name not in _CONVERSING:
            return None
        return Splice(body, MODEL, f"/model/{quote(model, safe='')}/{found[2]}".encode("latin-1") + mark + query)

    def streams(self, operation: Operation, content_type: bytes) -> bool:
        return content_type.startswith(EVENT_STREAM)

    def meter(self, operation: Operation, request: Request, *, content_type: bytes, hide_usage: bool) -> Meter:
        if not operation.priced:
            return SilentMeter()
        streamed = self.streams(operation, content_type)
        listener: FrameListener
        if operation.name in _CONVERSING:
            listener = bedrock_converse.ConverseListener(request.model, streamed=streamed)
        else:
            listener = bedrock_invoke.InvokeListener(request.model, streamed=streamed)
        return FrameMeter(listener) if streamed else WholeMeter(listener)

    def credential(self, secret: str) -> tuple[bytes, bytes]:
        """Of a Bedrock API key. AWS credentials sign instead."""
        return b"authorization", b"Bearer " + secret.encode()

    def refusal(self, refusal: Refusal, call_id: str) -> bytes:
        return msgspec.json.encode({"message": told(refusal, call_id)})

    def refusal_headers(self, refusal: Refusal) -> list[tuple[bytes, bytes]]:
        return [(b"x-amzn-errortype", _type(refusal).encode())]

    def stream_error(self, operation: Operation, refusal: Refusal, call_id: str, *, content_type: bytes = b"") -> bytes:
        kind = "throttlingException" if refusal.status == 429 else "validationException"
        return exception_frame(kind, self.refusal(refusal, call_id))

    def prompt_texts(self, content: Sequence[bytes]) -> tuple[list[str], int]:
        return bedrock_prompt.prompt_texts(content)

    def messages(self, content: Sequence[bytes]) -> list[Message]:
        return bedrock_prompt.messages(content)


def _type(refusal: Refusal) -> str:
    return "ThrottlingException" if refusal.status == 429 else _TYPES.get(refusal.reason, _INVALID)

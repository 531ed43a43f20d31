"""Exchange: one call at the stand-in, from the request's first byte to its line in the tally."""

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import uuid4

import msgspec

from proxy.model.usage import Usage
from proxy.standin import behaviour, coding, errors, forms
from proxy.standin.answering import compose
from proxy.standin.behaviour import Behaviour, UnknownBehaviourError
from proxy.standin.client import Client, ClientGoneError, Receive, Send
from proxy.standin.delivery import Delivery
from proxy.standin.headers import JSON, response_headers
from proxy.standin.hurry import Hurry
from proxy.standin.protocol import MISSING_MODEL, Asked, Format, WrongRequestError
from proxy.standin.tally import Counted, Ended, Received, Tally

Scope = MutableMapping[str, Any]
Choose = Callable[[Scope, Mapping[str, str]], Format]
"""The format of a call, by its path and headers."""


class Exchange:
    """An ASGI endpoint for one operation."""

    def __init__(self, operation: str, choose: Choose, tally: Tally) -> None:
        self._operation = operation
        self._choose = choose
        self._tally = tally

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        client = Client(receive, send)
        call = _Call(self._choose(scope, headers), client, headers, self._tally.hurry)
        self._tally.begin()
        try:
            await call.answer()
        except ClientGoneError:
            call.ended = Ended.HANGUP
        finally:
            client.close()
            self._tally.end(call.counted(self._operation, scope))


@dataclass(slots=True)
class _Call:
    """A call in progress."""

    format: Format
    client: Client
    headers: Mapping[str, str]
    hurry: Hurry
    request_id: str = field(default_factory=lambda: f"req_{uuid4().hex}")
    body: bytes = b""
    behaviour: Behaviour = field(default_factory=Behaviour)
    identity: str = ""
    model: str = ""
    status: int = 0
    ended: Ended = Ended.ERROR
    prompt: Usage = field(default_factory=Usage)
    """What is counted where no answer began."""
    delivery: Delivery | None = None

    async def answer(self) -> None:
        """Raises ClientGoneError."""
        try:
            self.body = await self.client.body()
            self.behaviour = behaviour.read(self.headers)
            self.client.hurried = self.hurry.of(self.behaviour.marker)
            asked = self._read()
        except WrongRequestError as error:
            await self._refuse(error.status, str(error), error.param)
            return
        except UnknownBehaviourError as error:
            await self._refuse(400, str(error))
            return
        if self.behaviour.delay_ms:
            await self.client.pause(self.behaviour.delay_ms)
        if self.behaviour.status is not None:
            await self._refuse(self.behaviour.status, f"The stand-in was asked to answer {self.behaviour.status}.")
            return
        await self._deliver(asked)

    def _read(self) -> Asked:
        """The request as asked. Raises WrongRequestError."""
        decoded = coding.decode(self.body, self.headers.get("content-encoding", "").strip().lower())
        content_type = self.headers.get("content-type", "")
        body = forms.read(decoded, content_type) if content_type.startswith(forms.TYPE) else _json(decoded)
        asked = self.format.read(body)
        self.identity = _identity(self.format, body)
        self.model = asked.model
        if asked.model == MISSING_MODEL:
            raise WrongRequestError(f"The model '{MISSING_MODEL}' does not exist", status=404, param="model")
        if self.format.billed:
            self.prompt = Usage(input_text=asked.prompt_tokens)
        return asked

    async def _refuse(self, status: int, message: str, param: str | None = None) -> None:
        """Errors cost nothing."""
        self.prompt = Usage()
        provider = self.format.provider
        body = msgspec.json.encode(errors.body(provider, status, message, param, self.request_id))
        wait = errors.RETRY_AFTER_S.get(status) if self.behaviour.retry_after is None else self.behaviour.retry_after
        extra = [] if wait is None else [(b"retry-after", str(wait).encode())]
        self.status = status
        headers = [*response_headers(provider, self.request_id, JSON), *errors.headers(provider, status)]
        await self.client.start(status, [*headers, (b"content-length", str(len(body)).encode()), *extra])
        await self.client.send(body, more=False)

    async def _deliver(self, asked: Asked) -> None:
        answer = compose(asked, self.behaviour, self.identity)
        self.status = 200
        self.delivery = Delivery(self.client, self.format, answer, self.request_id)
        self.ended = await (self.delivery.stream() if asked.stream else self.delivery.whole())

    def counted(self, operation: str, scope: Scope) -> Counted:
        """The call as it ended."""
        usage = self.delivery.delivered if self.delivery and self.format.billed else self.prompt
        return Counted(
            self.request_id,
            self.behaviour.marker,
            operation,
            self.model,
            self.status,
            self.ended,
            usage,
            received(scope, self.body),
        )


def _json(decoded: bytes) -> dict[str, Any]:
    """Raises WrongRequestError."""
    try:
        body = msgspec.json.decode(decoded) if decoded else {}
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WrongRequestError(f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise WrongRequestError("the body must be a JSON object")
    return body


def _identity(form: Format, body: dict[str, Any]) -> str:
    """What makes two requests the same. Not `stream_options`: asking for usage there changes no word of an answer."""
    asked = {name: value for name, value in body.items() if name != "stream_options"}
    return sha256(form.provider.encode() + msgspec.json.encode(asked)).hexdigest()


def received(scope: Scope, body: bytes) -> Received:
    """What came in with a call."""
    query = scope["query_string"]
    target = scope["raw_path"] + (b"?" + query if query else b"")
    return Received(
        method=scope["method"],
        path=scope["path"],
        target=sha256(target).digest(),
        body=sha256(body).digest(),
        body_bytes=len(body),
        headers=tuple((name.decode("latin-1"), sha256(value).digest()) for name, value in scope["headers"]),
    )

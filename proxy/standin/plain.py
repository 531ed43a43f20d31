"""Plain: a call at the stand-in that asks no model: bytes in, an object or a file out, on record like any other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import msgspec

from proxy.model.usage import Usage
from proxy.standin import behaviour, coding, errors
from proxy.standin.behaviour import Behaviour, UnknownBehaviourError
from proxy.standin.client import Client, ClientGoneError, Receive, Send
from proxy.standin.exchange import Scope, received
from proxy.standin.headers import JSON, response_headers
from proxy.standin.protocol import Provider, WrongRequestError
from proxy.standin.tally import Counted, Ended, Tally

PIECE_BYTES: Final = 64 * 1024
"""Files go out in pieces of this size."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What came in."""

    body: bytes
    headers: Mapping[str, str]
    path: Mapping[str, str]
    """The parts of the path that have names."""
    behaviour: Behaviour
    scope: Scope

    def json(self) -> dict[str, Any]:
        """Raises WrongRequestError."""
        try:
            body = msgspec.json.decode(self.body) if self.body else {}
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise WrongRequestError(f"the body is not JSON: {error}") from None
        if not isinstance(body, dict):
            raise WrongRequestError("the body must be a JSON object")
        return body


@dataclass(frozen=True, slots=True)
class Reply:
    body: bytes
    content_type: bytes = JSON


def object_reply(value: object) -> Reply:
    return Reply(msgspec.json.encode(value))


Handle = Callable[[Asking], Reply]
"""Raises WrongRequestError."""


@dataclass(slots=True)
class PlainExchange:
    """An ASGI endpoint for one operation."""

    operation: str
    provider: Provider
    handle: Handle
    tally: Tally

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        client = Client(receive, send)
        request_id = f"req_{uuid4().hex}"
        status, ended, body, marker = 0, Ended.ERROR, b"", ""
        self.tally.begin()
        try:
            body = await client.body()
            wanted = behaviour.read(headers)
            marker = wanted.marker
            client.hurried = self.tally.hurry.of(marker)
            if wanted.delay_ms:
                await client.pause(wanted.delay_ms)
            if wanted.status is not None:
                raise WrongRequestError(f"The stand-in was asked to answer {wanted.status}.", status=wanted.status)
            plain = coding.decode(body, headers.get("content-encoding", "").strip().lower())
            reply = self.handle(Asking(plain, headers, scope.get("path_params", {}), wanted, scope))
            status = 200
            await self._send(client, reply, wanted, request_id)
            ended = Ended.COMPLETE
        except (WrongRequestError, UnknownBehaviourError) as error:
            status = getattr(error, "status", 400)
            told = errors.body(self.provider, status, str(error), getattr(error, "param", None), request_id)
            await self._start(client, status, msgspec.json.encode(told), JSON, request_id)
        except ClientGoneError:
            ended = Ended.HANGUP
        finally:
            client.close()
            counted = Counted(request_id, marker, self.operation, "", status, ended, Usage(), received(scope, body))
            self.tally.end(counted)

    async def _send(self, client: Client, reply: Reply, wanted: Behaviour, request_id: str) -> None:
        """The answer; cut, its first half. Raises ClientGoneError."""
        coder = coding.coder(wanted.encoding)
        data = coder.piece(reply.body) + coder.end()
        headers = response_headers(self.provider, request_id, reply.content_type)
        coded = [(b"content-encoding", wanted.encoding.encode())] if wanted.encoding else []
        await client.start(200, [*headers, *coded, (b"content-length", str(len(data)).encode())])
        end = len(data) if wanted.cut_after is None else len(data) // 2
        for at in range(0, end, PIECE_BYTES):
            await client.send(data[at : min(at + PIECE_BYTES, end)], more=True)
        if wanted.cut_after is None:
            await client.send(b"", more=False)

    async def _start(self, client: Client, status: int, body: bytes, content_type: bytes, request_id: str) -> None:
        headers = response_headers(self.provider, request_id, content_type)
        await client.start(status, [*headers, (b"content-length", str(len(body)).encode())])
        await client.send(body, more=False)

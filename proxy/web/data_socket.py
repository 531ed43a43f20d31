"""The data plane's endpoint for websockets: a raw ASGI application, from the handshake to the close.

The steps: route, identify, choose the provider, open the way to it, accept. Whatever is against it is said before that
over HTTP, also the provider's own refusal, word for word: clients fall back on it. Each call on the socket is then
admitted by what is in force at its time, its key looked up again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

import structlog
from starlette.types import Receive, Scope, Send

from proxy.dialects.dialect import Dialect, Operation
from proxy.dialects.socket import Turn
from proxy.gateway.admission import Admission, Admitted, Incoming
from proxy.gateway.answer_warnings import HEADER, as_header, key_expiring
from proxy.gateway.faults import INTERNAL, STOPPING, refusal_of
from proxy.gateway.headers import client_headers, lookup, text, upstream_headers
from proxy.gateway.plane import Plane
from proxy.gateway.rules import Rules
from proxy.gateway.socket_place import Place, place
from proxy.gateway.socket_relay import SocketRelay
from proxy.model.decision import Reason, Refusal
from proxy.model.identity import Identity
from proxy.policy.identify import identify
from proxy.policy.keys import digest
from proxy.policy.providers import provider_target
from proxy.policy.types import Provider
from proxy.ports.clock import Clock
from proxy.ports.sockets import GOING_AWAY, SocketClosedError, SocketRefusedError, SocketRequest, UpstreamSockets
from proxy.ports.upstream import UpstreamError
from proxy.web.asgi_client import JSON, refusal_lines
from proxy.web.asgi_socket import AsgiSocket
from proxy.web.credentials import Presented, presented
from proxy.web.head_facts import raw_target
from proxy.web.socket_routing import NoSocket, SocketRoute, socket_route
from proxy.web.upstream_request import split_base

log = structlog.get_logger("outlay.socket")

KEY_SUBPROTOCOL: Final = "openai-insecure-api-key."
"""How browsers, which can set no header, carry a key (OpenAI, realtime guide, "Connect with WebSocket")."""
_REQUEST_ID: Final = b"x-request-id"
_SOCKET: Final = Operation("websocket", priced=False, body_read=False)


@dataclass(slots=True)
class DataSocket:
    rules: Callable[[], Rules]
    """What is in force now; asked once a handshake and once a call."""
    dialects: Sequence[Dialect]
    admission: Admission
    plane: Plane
    sockets: UpstreamSockets
    clock: Clock
    refused: Callable[[Refusal], None]
    """Told of every refusal, for metrics."""
    sockets_max: int
    """Open at once, busy or not."""
    open: int = field(default=0, init=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = lookup(scope["headers"])
        subprotocols, offered = _without_key(scope["subprotocols"])
        if offered and not any(name in headers for name in (b"authorization", b"x-outlay-key", b"api-key")):
            headers[b"authorization"] = b"Bearer " + offered.encode()
        caller = presented(headers, raw_target(scope))
        rules = self.rules()
        found = socket_route(caller.target, headers, rules.policies, self.dialects)
        client = AsgiSocket(receive, send)
        if isinstance(found, NoSocket):
            return await self._refuse(client, found.dialect, found.refusal)
        identity = identify(rules.policies, digest(caller.key), self._now())
        if isinstance(identity, Refusal):
            return await self._refuse(client, found.dialect, identity)
        asked = _Asked(scope, headers, caller, found, subprotocols)
        if self.open >= self.sockets_max:
            return await self._refuse(client, found.dialect, self._full())
        self.open += 1
        try:
            await self._carry(rules, identity, asked, client)
        except asyncio.CancelledError:
            # Only the stop of the server cancels this task, and here the task ends.
            if not client.answered:
                await self._refuse(client, found.dialect, STOPPING)
        except Exception:
            log.exception("socket failed")
            if not client.answered:
                await self._refuse(client, found.dialect, INTERNAL)
        finally:
            self.open -= 1

    async def _carry(self, rules: Rules, identity: Identity, asked: "_Asked", client: AsgiSocket) -> None:
        dialect, conversation = asked.route.dialect, asked.route.conversation
        incoming = asked.incoming
        there = place(rules, incoming, identity, self.admission.secrets, conversation.model)
        if isinstance(there, Refusal):
            refusal, call_id = self.admission.turn_away(rules, incoming, identity, there)
            return await self._refuse(client, dialect, refusal, call_id)
        try:
            upstream = await self.sockets.open(_request(asked, there))
        except SocketRefusedError as refused:
            return await client.answer(refused.status, client_headers(refused.headers), refused.body)
        except UpstreamError as error:
            log.warning("provider failed", fault=error.fault, detail=str(error))
            return await self._refuse(client, dialect, refusal_of(error, there.provider.name))
        lines = client_headers(upstream.headers)
        relay = SocketRelay(
            self.plane,
            dialect,
            conversation,
            client=client,
            upstream=upstream,
            admit=self._admit(asked, there.provider, identity),
            turn_away=lambda refusal: self.admission.turn_away(self.rules(), incoming, identity, refusal),
            refused=self.refused,
            request_id=text(dict(lines), _REQUEST_ID),
        )
        try:
            if expiring := key_expiring(rules, identity.key_id, self.clock.now_us()):
                lines.append((HEADER, as_header([expiring])))
            await client.accept(upstream.subprotocol, lines)
            await relay.run()
        except SocketClosedError:
            return
        finally:
            await upstream.close(GOING_AWAY)

    def _admit(
        self, asked: "_Asked", provider: Provider, owner: Identity
    ) -> "Callable[[Turn, bool], Awaitable[Admitted | tuple[Refusal, str]]]":
        """Opens calls on a socket; its key's digest is all that is kept of the key."""
        incoming, hashed = asked.incoming, digest(asked.caller.key)
        # The session itself tells its model's full name later, which is another way to none.
        routed_by = asked.route.conversation.model

        async def admit(turn: Turn, begun: bool) -> Admitted | tuple[Refusal, str]:
            rules = self.rules()
            identity = identify(rules.policies, hashed, self._now())
            refusal = identity if isinstance(identity, Refusal) else None
            if refusal is not None and not begun:
                return refusal, ""
            admitted = await self.admission.admit(
                rules,
                replace(incoming, operation=turn.operation),
                owner if isinstance(identity, Refusal) else identity,
                asked=turn.request,
                at=provider,
                routed_by=routed_by,
                begun=begun,
            )
            return replace(admitted, refusal=refusal) if refusal and isinstance(admitted, Admitted) else admitted

        return admit

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.now_us() / 1e6, UTC)

    def _full(self) -> Refusal:
        return Refusal(
            503,
            Reason.OVERLOADED,
            f"outlay already carries {self.sockets_max} websockets, its limit (OUTLAY_CALLS_IN_FLIGHT_MAX).",
            retry_after_s=1,
            retryable=True,
        )

    async def _refuse(self, client: AsgiSocket, dialect: Dialect, refusal: Refusal, call_id: str = "") -> None:
        self.refused(refusal)
        log.info("refused", call_id=call_id, status=refusal.status, reason=refusal.reason)
        body = dialect.refusal(refusal, call_id)
        length = (b"content-length", str(len(body)).encode())
        await client.answer(refusal.status, [JSON, length, *refusal_lines(refusal, call_id)], body)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One handshake on its way through the steps."""

    scope: Scope
    headers: dict[bytes, bytes]
    caller: Presented
    route: SocketRoute
    subprotocols: list[str]

    @property
    def incoming(self) -> Incoming:
        return Incoming(
            dialect=self.route.dialect,
            operation=_SOCKET,
            prefix=self.route.prefix,
            headers=self.headers,
            body=b"",
            own_credential=self.caller.own_credential,
            target=self.route.target,
            content=b"",
        )


def _request(asked: _Asked, there: Place) -> SocketRequest:
    provider, caller = there.provider, asked.caller
    origin, prefix = split_base(provider.base_url)
    credential = asked.route.dialect.credential(there.credential) if there.credential else None
    lines = asked.scope["headers"]
    kept = upstream_headers(lines, asked.headers, credential, own=caller.own_credential, key=caller.key)
    return SocketRequest(
        base_url=origin,
        target=prefix + provider_target(provider, asked.route.target),
        headers=[line for line in kept if not line[0].startswith(b"sec-websocket-")],
        subprotocols=tuple(asked.subprotocols),
        connect_timeout_s=provider.connect_timeout_s,
    )


def _without_key(subprotocols: Sequence[str]) -> tuple[list[str], str]:
    """The subprotocols that go on, and the key among them ('' for none)."""
    keys = [name for name in subprotocols if name.startswith(KEY_SUBPROTOCOL)]
    return [name for name in subprotocols if name not in keys], keys[0].removeprefix(KEY_SUBPROTOCOL) if keys else ""

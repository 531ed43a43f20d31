"""The data plane's endpoint: one raw ASGI application for every model call.

The steps of a call: route, identify, read the body, admit, relay. A key is checked before a body is read, so nobody
without one can make the gateway hold 64 MiB.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog
from starlette.types import Receive, Scope, Send

from proxy.dialects.dialect import Dialect
from proxy.gateway.admission import Admission, Admitted, Incoming
from proxy.gateway.client import Client
from proxy.gateway.fallback import Elsewhere, Moved, may_fall_back
from proxy.gateway.faults import INTERNAL, STOPPING
from proxy.gateway.plane import Plane
from proxy.gateway.relay import Relay
from proxy.gateway.repeating import carried
from proxy.gateway.rules import Rules
from proxy.gateway.waiting import GoneError
from proxy.metering.content import ExpansionError, UnreadableContentError, decoded_request
from proxy.model.decision import Reason, Refusal
from proxy.model.identity import Identity
from proxy.ports.clock import Clock
from proxy.web.asgi_client import AsgiClient
from proxy.web.body_room import BodyRoom, NoRoomError, Share
from proxy.web.call_scope import FULL
from proxy.web.direct_client import client as client_of
from proxy.web.head_facts import facts_of
from proxy.web.request_body import STEADY, ClientGoneError, Pace, TooLargeError, TooSlowError, read_whole
from proxy.web.routing import Route, Unrouted
from proxy.web.upstream_request import Inbound, upstream_request

log = structlog.get_logger("outlay.data")

_TOO_SLOW: Final = Refusal(
    408,
    Reason.BAD_REQUEST,
    "The request body came too slowly (OUTLAY_BODY_IDLE_S, OUTLAY_BODY_RATE_MIN), or took longer than 300 s.",
    retryable=True,
)
_FULL: Final = Refusal(
    503,
    Reason.OVERLOADED,
    "outlay has as many connections as it takes (OUTLAY_CONNECTIONS_MAX). Try again shortly.",
    retry_after_s=1,
    retryable=True,
)


@dataclass(frozen=True, slots=True)
class DataPlane:
    rules: Callable[[], Rules]
    """What is in force now; asked once a call."""
    dialects: Sequence[Dialect]
    admission: Admission
    plane: Plane
    clock: Clock
    body_bytes_max: int
    refused: Callable[[Refusal], None]
    """Told of every refusal, for metrics."""
    pace: Pace = STEADY
    room: BodyRoom = field(default_factory=BodyRoom)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        rules = self.rules()
        facts, length = facts_of(scope, rules, self.dialects, self.clock.now_us())
        found, identity = facts.route, facts.identity
        client = client_of(receive, send, found.dialect)
        if FULL in scope:
            return await self._refuse(client, _FULL)
        if isinstance(found, Unrouted):
            return await self._refuse(client, found.refusal)
        if not isinstance(identity, Identity):
            assert identity is not None
            return await self._refuse(client, identity)
        call = Inbound(facts, length, receive, client)
        share = self.room.share()
        try:
            await self._carry(rules, identity, found, call, share)
        except (ClientGoneError, GoneError):
            return
        except asyncio.CancelledError:
            # Only the stop of the server cancels a request's task, and here the task ends.
            if not client.started:
                await client.refuse(STOPPING, "")
        except Exception:
            log.exception("call failed")
            if not client.started:
                await client.refuse(INTERNAL, "")
        finally:
            share.leave()

    async def _carry(self, rules: Rules, identity: Identity, found: Route, call: Inbound, share: Share) -> None:
        """Raises ClientGoneError."""
        incoming, refusal = await self._incoming(found, call, share)
        if refusal is not None:
            refusal, call_id = self.admission.turn_away(rules, incoming, identity, refusal)
            return await self._refuse(call.client, refusal, call_id)
        admitted = await self.admission.admit(rules, incoming, identity, gone=call.client.gone)
        if not isinstance(admitted, Admitted):
            refusal, call_id = admitted
            return await self._refuse(call.client, refusal, call_id)
        elsewhere = self._elsewhere(call, incoming) if may_fall_back(admitted, incoming) else None

        def relay(client: Client) -> Relay:
            return Relay(self.plane, admitted, upstream_request(call, admitted, self.pace), client, elsewhere)

        if admitted.same is None:
            return await relay(call.client).run()
        await carried(self.plane, admitted, call.client, relay)

    def _elsewhere(self, call: Inbound, incoming: Incoming) -> Elsewhere:
        def moved(admitted: Admitted, name: str) -> Moved | None:
            anew = self.admission.elsewhere(admitted, incoming, name)
            return (anew, upstream_request(call, anew, self.pace)) if anew is not None else None

        return moved

    async def _incoming(self, found: Route, call: Inbound, share: Share) -> tuple[Incoming, Refusal | None]:
        """The call with its body read, where its operation needs that; or why it isn't. Raises ClientGoneError."""
        body: bytes = b""
        content: bytes | None = b""
        refusal: Refusal | None = None
        facts = call.facts
        if found.operation.body_read:
            try:
                body = await self._body(call, share)
                content = decoded_request(body, facts.headers.get(b"content-encoding", b""), self.body_bytes_max)
                if content is not None and content is not body:
                    share.take(len(content))
            except (TooLargeError, ExpansionError):
                refusal = self._too_large()
            except NoRoomError:
                refusal = self._no_room()
            except TooSlowError:
                refusal = _TOO_SLOW
            except UnreadableContentError as error:
                refusal = Refusal(400, Reason.BAD_REQUEST, f"The request body can't be read: {error}")
            call.client.body_was_read()
        incoming = Incoming(
            dialect=found.dialect,
            operation=found.operation,
            prefix=found.prefix,
            headers=facts.headers,
            body=body,
            own_credential=facts.caller.own_credential,
            target=found.target,
            content=content,
            head=facts.head,
            sent_headers=facts.sent,
        )
        return incoming, refusal or facts.refusal

    async def _body(self, call: Inbound, share: Share) -> bytes:
        """All of it. Raises as `read_whole` does."""
        body = call.client.body_at_once()
        if body is None:
            return await read_whole(call.receive, call.length, self.body_bytes_max, share.take, pace=self.pace)
        if len(body) > self.body_bytes_max:
            raise TooLargeError
        share.take(len(body))
        return body

    def _too_large(self) -> Refusal:
        return Refusal(
            413,
            Reason.BODY_TOO_LARGE,
            f"The request body is above {self.body_bytes_max} bytes, which is as much as outlay reads of a call "
            "(decompressed). An admin raises OUTLAY_BODY_BYTES_MAX where larger calls are meant.",
        )

    def _no_room(self) -> Refusal:
        return Refusal(
            503,
            Reason.OVERLOADED,
            f"outlay already holds {self.room.bytes_max} bytes of request bodies, its limit (OUTLAY_BODIES_BYTES_MAX). "
            "Try again shortly.",
            retry_after_s=1,
            retryable=True,
        )

    async def _refuse(self, client: AsgiClient, refusal: Refusal, call_id: str = "") -> None:
        self.refused(refusal)
        log.info("refused", call_id=call_id, status=refusal.status, reason=refusal.reason)
        await client.refuse(refusal, call_id)

"""TranslatingUpstream: calls in OpenAI's dialect, served by providers of another one. litellm does the translating.

litellm itself runs elsewhere (translation_process) and only translates. What it made of a request comes back here, gets
the credential, and goes out by the way that every call goes: same connections, proxies, certificates, time limits,
hang-ups, and no retry. The provider's bytes are metered here, by the meter of the provider's own dialect, before they
are handed over to be put into the caller's words: what is counted and priced is what really served, and none of it
passes through the translation.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec
import structlog

from proxy.adapters.translation_answers import JSON, answer_lines, own, provider_error, refused
from proxy.adapters.translation_frames import Answer, Ask, Call, Head, Kind, encode
from proxy.adapters.translation_process import Session, TranslationProcess
from proxy.dialects.dialect import Dialect, FramedMeter, Reading, UnreadableError
from proxy.gateway.answer import MeteredAnswer
from proxy.ports.upstream import (
    Fault,
    RawHeaders,
    Translation,
    Upstream,
    UpstreamAnswer,
    UpstreamError,
    UpstreamRequest,
)

log = structlog.get_logger("outlay.translation")

CALLS_MAX: Final = 256
"""Translated at a time; more are turned away with a 503."""
BODY_BYTES_MAX: Final = 32 * 1024 * 1024
"""Of a request that is translated; the translation holds it several times over."""
START_S: Final = 60.0
"""From the call to the request in the provider's words. The first call waits for the process to start: 4 s on an idle
machine."""
GRACE_S: Final = 15.0
"""How long the translation may be silent beyond the longest silence allowed to the provider."""

_NOT_PASSED: Final = frozenset(
    (b"accept", b"accept-encoding", b"content-type", b"content-encoding", b"cookie", b"idempotency-key")
)
"""Headers of the caller that speak of OpenAI's dialect, or of the bytes before they were translated."""
_OF_OPENAI: Final = (b"openai-", b"x-stainless-")
_NOT_ASKED: Final = frozenset(
    b"host content-length accept-encoding connection user-agent authorization x-api-key x-goog-api-key api-key".split()
)
"""Headers that litellm writes and the gateway writes itself, the credential above all."""


class TranslatingUpstream:
    """An Upstream (see ports/upstream.py) around another, which carries every call."""

    def __init__(
        self,
        inner: Upstream,
        dialects: Iterable[Dialect],
        process: TranslationProcess | None = None,
        start_s: float = START_S,
    ) -> None:
        self._inner = inner
        self._dialects = {dialect.name: dialect for dialect in dialects}
        self.process = process or TranslationProcess()
        self._start_s = start_s
        self._calls = 0

    def send(self, request: UpstreamRequest) -> Coroutine[Any, Any, UpstreamAnswer]:
        """A call that isn't translated costs one comparison more than without this."""
        return self._inner.send(request) if request.translation is None else self._send(request, request.translation)

    async def close(self) -> None:
        await self.process.close()

    async def _send(self, request: UpstreamRequest, translation: Translation) -> UpstreamAnswer:
        native = self._dialects.get(translation.dialect)
        if native is None:
            return own(400, f"outlay can't meter {translation.dialect}, so it translates nothing to it.")
        if not isinstance(request.body, bytes) or len(request.body) > BODY_BYTES_MAX:
            return own(413, f"A call that is translated may have at most {BODY_BYTES_MAX} bytes.")
        if self._calls >= CALLS_MAX:
            return own(503, f"outlay already translates {CALLS_MAX} calls, its limit.", (b"retry-after", b"1"))
        self._calls += 1
        handed_on = False
        try:
            answer = await self._translated(request, translation, native, request.body)
            handed_on = isinstance(answer, LitellmAnswer)
            return answer
        finally:
            if not handed_on:
                self._calls -= 1

    async def _translated(
        self, request: UpstreamRequest, translation: Translation, native: Dialect, body: bytes
    ) -> UpstreamAnswer:
        call = encode(Call(translation.dialect, translation.operation, translation.model, body))
        session, kind, data = await self._begin(call)
        try:
            if kind is Kind.HEAD:
                return await refused(session, data, self._start_s)
            if kind is not Kind.ASK:
                raise UpstreamError(Fault.TRANSLATION, "the translation gave no request")
            exchange = await self._ask(request, translation, native, msgspec.msgpack.decode(data, type=Ask), session)
        except BaseException:
            session.close()
            raise
        return exchange

    async def _begin(self, call: bytes) -> tuple[Session, Kind, bytes]:
        """The first word of the process. One that ended while nobody looked is replaced: nothing has gone out yet."""
        for last in (False, True):
            session = await self.process.session()
            try:
                await session.say(Kind.CALL, call)
                return session, *await session.hear(self._start_s)
            except (EOFError, OSError, ValueError) as error:
                session.close()
                if last or session.fresh or isinstance(error, TimeoutError):
                    raise UpstreamError(Fault.TRANSLATION, f"translation failed: {type(error).__name__}") from None
            except BaseException:
                session.close()
                raise
        raise AssertionError("the last attempt returns or raises")

    async def _ask(
        self, request: UpstreamRequest, translation: Translation, native: Dialect, ask: Ask, session: Session
    ) -> UpstreamAnswer:
        """Send what the translation made of the request, and set its answer on its way back."""
        operation = native.operation(ask.method, ask.target.partition(b"?")[0].decode("ascii", "replace"))
        if operation is None or not operation.priced:
            raise UpstreamError(Fault.TRANSLATION, "the translation asked for what can't be metered")
        lines = _request_lines(request.headers, ask.headers, native, translation.credential)
        headers = {name.lower(): value for name, value in lines}
        try:
            facts = native.read(operation, ask.body, headers, ask.target)
        except UnreadableError as error:
            raise UpstreamError(Fault.TRANSLATION, f"the translation can't be read: {error}") from None
        if facts.model != translation.model:
            # A caller names the model; in a path it could name another one ('cheap/../dear') than rules and prices saw.
            raise UpstreamError(Fault.TRANSLATION, "the translation asked for another model")
        answer = await self._inner.send(
            replace(
                request,
                method=ask.method,
                target=translation.at_provider(ask.target),
                headers=lines,
                body=ask.body,
                body_length=None,
                translation=None,
            )
        )
        headers = {name.lower(): value for name, value in answer.headers}
        try:
            if answer.status >= 400:
                return await provider_error(answer, headers, session)
            content_type = headers.get(b"content-type", b"").lower()
            meter = native.meter(operation, facts, content_type=content_type, hide_usage=False)
            if isinstance(meter, FramedMeter):
                meter.headers(headers)
            metered = MeteredAnswer(meter, headers.get(b"content-encoding", b""), "", hiding=False)
            streams = native.streams(operation, content_type)
            exchange = LitellmAnswer(self, answer, metered, session, request.read_timeout_s + GRACE_S, streams=streams)
            await exchange.begin()
        except BaseException:
            await answer.close()
            raise
        return exchange

    def done(self) -> None:
        """One translated call less."""
        self._calls -= 1


class LitellmAnswer:
    """A TranslatedAnswer: the provider's bytes go to the translation as they come, and its bytes go on as they come."""

    def __init__(
        self,
        upstream: TranslatingUpstream,
        native: UpstreamAnswer,
        metered: MeteredAnswer,
        session: Session,
        silence_s: float,
        *,
        streams: bool,
    ) -> None:
        self._upstream = upstream
        self._native = native
        self._metered = metered
        self._session = session
        self._silence_s = silence_s
        self._streams = streams
        self._fault: UpstreamError | None = None
        self._pump: asyncio.Task[None] | None = None
        self._own: bytes | None = None
        self._closed = False
        self.status = native.status
        self.headers: RawHeaders = []
        self.without: Sequence[str] = ()

    async def begin(self) -> None:
        """Returns when the caller's answer has begun. Raises UpstreamError."""
        told = Answer(self.status, [line for line in self._native.headers if line[0].lower() != b"set-cookie"])
        self._pump = asyncio.create_task(self._hand_over(encode(told)))
        try:
            kind, data = await self._session.hear(self._silence_s)
            if kind is not Kind.HEAD:
                raise EOFError
            head = msgspec.msgpack.decode(data, type=Head)
        except (EOFError, OSError, ValueError) as error:
            await self._not_translated(error)
        except BaseException:
            await self._stop_pump()
            raise
        else:
            self.without = head.without
            self.headers = answer_lines(self._native.headers, head.content_type)

    @property
    def output_bytes(self) -> int:
        return self._metered.output_bytes

    def reading(self) -> Reading:
        return self._metered.reading()

    async def chunks(self) -> AsyncIterator[bytes]:
        if self._own is not None:
            yield self._own
            return
        while True:
            try:
                kind, data = await self._session.hear(self._silence_s)
            except (EOFError, OSError, ValueError) as error:
                raise self._fault or UpstreamError(Fault.CUT, f"translation ended: {type(error).__name__}") from None
            if kind is Kind.DATA:
                yield data
            elif kind is Kind.END:
                return
            else:
                raise self._fault or UpstreamError(Fault.CUT, "the translation can't go on")

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._upstream.done()
        self._session.close()
        await self._stop_pump()
        await self._native.close()

    async def _hand_over(self, head: bytes) -> None:
        """Meter the provider's bytes, and pass them to the translation. A whole answer is metered to its end without
        it."""
        deaf = not await self._told(Kind.ANSWER, head)
        try:
            async for chunk in self._native.chunks():
                self._metered.feed(chunk)
                deaf = deaf or not await self._told(Kind.DATA, chunk)
                if deaf and self._streams:
                    return
            self._metered.finish()
            await self._told(Kind.END)
        except UpstreamError as error:
            self._fault = error
            self._metered.finish()
            await self._told(Kind.BROKEN)

    async def _told(self, kind: Kind, data: bytes = b"") -> bool:
        try:
            await self._session.say(kind, data)
        except OSError:
            return False
        return True

    async def _not_translated(self, error: Exception) -> None:
        """The provider answers and no translation of it comes: say so, with what it has consumed on record."""
        log.warning("an answer could not be translated", cause=type(error).__name__)
        self._session.close()
        if self._streams:
            await self._stop_pump()
        elif self._pump is not None:
            await self._pump
        if self._fault is not None:
            raise self._fault
        told = own(502, "outlay could not translate the provider's answer. The call has been billed.")
        self.status, self._own = told.status, told.body
        self.headers = answer_lines(self._native.headers, JSON)

    async def _stop_pump(self) -> None:
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.wait([self._pump])


def _request_lines(
    caller: RawHeaders, asked: Iterable[tuple[bytes, bytes]], native: Dialect, credential: str
) -> list[tuple[bytes, bytes]]:
    lines = [line for line in asked if line[0].lower() not in _NOT_ASKED]
    said = {name.lower() for name, _ in lines} - {b"anthropic-beta"}
    for name, value in caller:
        lowered = name.lower()
        if lowered not in _NOT_PASSED and lowered not in said and not lowered.startswith(_OF_OPENAI):
            lines.append((name, value))
    if credential:
        lines.append(native.credential(credential))
    return lines

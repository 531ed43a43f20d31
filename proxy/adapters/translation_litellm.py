"""TranslatingUpstream: calls in OpenAI's dialect, served by providers of another one. litellm does the translating.

litellm itself runs elsewhere (translation_process) and only translates. What it made of a request comes back here, gets
the credential, and goes out by the way that every call goes: same connections, proxies, certificates, time limits,
hang-ups, and no retry. The provider's bytes are metered here, by the meter of the provider's own dialect, before they
are handed over to be put into the caller's words: what is counted and priced is what really served, and none of it
passes through the translation.
"""

from collections.abc import Coroutine, Iterable
from dataclasses import replace
from typing import Any, Final

import msgspec

from proxy.adapters.translation_answers import own, provider_error, refused
from proxy.adapters.translation_frames import Ask, Call, Kind, encode
from proxy.adapters.translation_headers import request_lines
from proxy.adapters.translation_metered import LitellmAnswer
from proxy.adapters.translation_process import Session, TranslationProcess
from proxy.dialects.dialect import Dialect, FramedMeter, UnreadableError
from proxy.gateway.answer import MeteredAnswer
from proxy.ports.upstream import (
    Fault,
    Translation,
    Upstream,
    UpstreamAnswer,
    UpstreamError,
    UpstreamRequest,
)

CALLS_MAX: Final = 256
"""Translated at a time; more are turned away with a 503."""
BODY_BYTES_MAX: Final = 32 * 1024 * 1024
"""Of a request that is translated; the translation holds it several times over."""
START_S: Final = 60.0
"""From the call to the request in the provider's words. The first call waits for the process to start: 4 s on an idle
machine."""
GRACE_S: Final = 15.0
"""How long the translation may be silent beyond the longest silence allowed to the provider."""


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
        lines = request_lines(request.headers, ask.headers, native, translation.credential)
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
            silence_s = request.read_timeout_s + GRACE_S
            exchange = LitellmAnswer(self._done, answer, metered, session, silence_s, streams=streams)
            await exchange.begin()
        except BaseException:
            await answer.close()
            raise
        return exchange

    def _done(self) -> None:
        """One translated call less."""
        self._calls -= 1

"""LitellmAnswer: the answer to a translated call, metered as the provider gave it and handed on as it is translated."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec
import structlog

from proxy.adapters.translation_answers import JSON, answer_lines, own
from proxy.adapters.translation_frames import Answer, Head, Kind, encode
from proxy.adapters.translation_process import Session
from proxy.dialects.dialect import Reading
from proxy.gateway.answer import MeteredAnswer
from proxy.ports.upstream import (
    Fault,
    RawHeaders,
    UpstreamAnswer,
    UpstreamError,
)

log = structlog.get_logger("outlay.translation")


class LitellmAnswer:
    """A TranslatedAnswer: the provider's bytes go to the translation as they come, and its bytes go on as they come."""

    def __init__(
        self,
        done: Callable[[], None],
        native: UpstreamAnswer,
        metered: MeteredAnswer,
        session: Session,
        silence_s: float,
        *,
        streams: bool,
    ) -> None:
        self._done = done
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
        self._done()
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

"""A provider's side of one call, played from a script."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from proxy.ports.upstream import RawHeaders, UpstreamError, UpstreamRequest

Step = bytes | UpstreamError | asyncio.Event


class ScriptedAnswer:
    """Fulfils ports.upstream.UpstreamAnswer. A step is bytes to give, an error to raise, or an event to wait for."""

    def __init__(self, status: int, headers: RawHeaders, steps: Sequence[Step]) -> None:
        self.status = status
        self.headers = headers
        self._steps = steps
        self.finished = False
        self.closed = False

    async def chunks(self) -> AsyncIterator[bytes]:
        for step in self._steps:
            if isinstance(step, asyncio.Event):
                await step.wait()
            elif isinstance(step, UpstreamError):
                raise step
            else:
                yield step
        self.finished = True

    async def close(self) -> None:
        self.closed = True


class ScriptedUpstream:
    """Fulfils ports.upstream.Upstream: gives the answer or raises the error it was made with, and keeps requests."""

    def __init__(self, answer: ScriptedAnswer | UpstreamError | asyncio.Event) -> None:
        self.answer = answer
        self.requests: list[UpstreamRequest] = []

    async def send(self, request: UpstreamRequest) -> ScriptedAnswer:
        self.requests.append(request)
        if isinstance(self.answer, asyncio.Event):
            await self.answer.wait()
            raise AssertionError("this provider never answers")
        if isinstance(self.answer, UpstreamError):
            raise self.answer
        return self.answer

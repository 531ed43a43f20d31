"""Whole answers: one JSON object, none of it text, whose usage it reports (vectors, images, a cache made)."""

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from proxy.dialects.dialect import Reading
from proxy.dialects.output import Output
from proxy.metering.json_object import NO_JSON
from proxy.model.usage import Served, Usage


class _Whole(Protocol):
    @property
    def error(self) -> Any: ...


_A = TypeVar("_A", bound=_Whole)


def _unsaid(answer: object) -> Served:
    return Served()


class WholeListener(Generic[_A]):
    """Of one answer."""

    def __init__(
        self,
        decode: Callable[[bytes], _A],
        usage: Callable[[_A], Usage | None],
        served: Callable[[_A], Served] = _unsaid,
    ) -> None:
        """`decode` raises one of NO_JSON; `usage` is what the answer reports, None where it reports none."""
        self.output = Output()
        self.ended = False
        self._decode, self._usage, self._served = decode, usage, served
        self._answer: _A | None = None

    def event(self, data: bytes) -> bool:
        self.body(data)
        return False

    def body(self, data: bytes) -> None:
        try:
            self._answer = self._decode(data)
        except NO_JSON:
            return

    def reading(self) -> Reading:
        answer = self._answer
        if answer is None:
            return Reading(None, final=False, served=Served(), complete=False, failed=False, output_bytes=0)
        usage = self._usage(answer)
        return Reading(
            usage=usage,
            final=usage is not None,
            served=self._served(answer),
            complete=True,
            failed=bool(answer.error),
            output_bytes=0,
        )

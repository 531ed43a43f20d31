"""TranslatedMeter: of an answer that passes in one dialect and counts in another.

The caller's own dialect says when the answer that passes is at its end. What it consumed is the provider's word, read
from the provider's own bytes before they were translated.
"""

from dataclasses import replace

from proxy.dialects.dialect import Meter, Reading
from proxy.ports.upstream import TranslatedAnswer


class TranslatedMeter:
    """Fulfils Meter. `passing`: of the bytes that go to the caller."""

    def __init__(self, passing: Meter, answer: TranslatedAnswer) -> None:
        self._passing = passing
        self._answer = answer

    def feed(self, data: bytes) -> bytes:
        return self._passing.feed(data)

    def finish(self) -> bytes:
        return self._passing.finish()

    @property
    def ended(self) -> bool:
        return self._passing.ended

    @property
    def output_bytes(self) -> int:
        return self._answer.output_bytes

    def reading(self) -> Reading:
        passed = self._passing.reading()
        told = self._answer.reading()
        return replace(
            told,
            complete=told.complete and passed.complete,
            failed=told.failed or passed.failed,
            reply=passed.reply or told.reply,
        )

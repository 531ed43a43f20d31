"""A translated answer ends as what passes ends, and counts as what the provider said."""

from dataclasses import replace

import pytest

from proxy.dialects.dialect import Reading
from proxy.dialects.openai import OpenAI
from proxy.gateway.translated import TranslatedMeter
from proxy.model.call import Request
from proxy.model.usage import Served, Usage
from tests.fakes.upstream import ScriptedAnswer

TOLD = Reading(Usage(output_text=7), final=True, served=Served("m"), complete=True, failed=False, output_bytes=99)
DONE = b'data: {"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
ERROR = b'data: {"error":{"message":"no"}}\n\n'


class Translated(ScriptedAnswer):
    """Fulfils TranslatedAnswer."""

    without = ()

    def __init__(self, reading: Reading) -> None:
        super().__init__(200, [], [])
        self._reading = reading

    @property
    def output_bytes(self) -> int:
        return self._reading.output_bytes

    def reading(self) -> Reading:
        return self._reading


def meter(told: Reading) -> TranslatedMeter:
    dialect = OpenAI()
    chat = dialect.operation("POST", "/v1/chat/completions")
    assert chat is not None
    passing = dialect.meter(chat, Request("m"), content_type=b"text/event-stream", hide_usage=False)
    return TranslatedMeter(passing, Translated(told))


def test_it_ends_with_what_passes_and_counts_what_was_told() -> None:
    translated = meter(TOLD)
    assert not translated.ended
    assert translated.feed(DONE) == DONE
    assert translated.ended
    assert translated.finish() == b""
    assert translated.output_bytes == 99
    assert translated.reading() == replace(TOLD, reply="hi")


@pytest.mark.parametrize(
    ("passed", "told", "complete", "failed"),
    [
        (b"", TOLD, False, False),
        (DONE, replace(TOLD, complete=False), False, False),
        (ERROR, TOLD, False, True),
        (DONE, replace(TOLD, failed=True), True, True),
    ],
)
def test_it_is_whole_only_where_both_sides_are(passed: bytes, told: Reading, complete: bool, failed: bool) -> None:
    translated = meter(told)
    translated.feed(passed)
    translated.finish()
    reading = translated.reading()
    assert (reading.complete and not failed, reading.failed) == (complete and not failed, failed)
    assert reading.usage == TOLD.usage

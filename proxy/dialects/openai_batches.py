"""OpenAI batches: batch objects heard, files of results read line by line.

A batch object carries the usage of its whole work once it has ended; objects of older batches and of other servers
don't, and then the results do. All of a batch is one service tier, whatever its answers say.
"""

from dataclasses import replace
from typing import Any, Final

import msgspec

from proxy.dialects import origin
from proxy.dialects.dialect import RESULTS_OF, SUBMITTED, UPLOADED, Job, Reading, Source
from proxy.dialects.job_results import Result
from proxy.dialects.openai_chat import ChatListener
from proxy.dialects.openai_responses import ResponsesListener
from proxy.dialects.openai_usage import usage_of
from proxy.dialects.output import Output
from proxy.dialects.quantity import quantity
from proxy.metering.json_object import NO_JSON
from proxy.model.usage import Served

TIER: Final = "batch"
ENDED: Final = frozenset(("completed", "expired", "cancelled", "failed"))
"""States after which a batch's usage is its last word."""
_PROVEN: Final = "batch_req_"
_MICROS: Final = 1_000_000
_LISTENERS: Final[dict[str, type[ChatListener] | type[ResponsesListener]]] = {
    "chat.completion": ChatListener,
    "response": ResponsesListener,
}


class _Object(msgspec.Struct, gc=False):
    """A batch, a file, an upload, or a list of them."""

    object: Any = None
    id: Any = None
    status: Any = None
    model: Any = None
    usage: Any = None
    output_file_id: Any = None
    created_at: Any = None
    file: Any = None
    data: msgspec.Raw = msgspec.Raw(b"")


class _Answer(msgspec.Struct, gc=False):
    status_code: Any = None
    body: msgspec.Raw = msgspec.Raw(b"null")


class _Line(msgspec.Struct, gc=False):
    custom_id: str
    response: _Answer | None
    id: Any = None


class _Body(msgspec.Struct, gc=False):
    object: Any = None
    model: Any = None
    usage: Any = None


_object: Final = msgspec.json.Decoder(_Object).decode
_objects: Final = msgspec.json.Decoder(list[_Object]).decode
_line: Final = msgspec.json.Decoder(_Line).decode
_body: Final = msgspec.json.Decoder(_Body | None).decode


class BatchListener:
    """Of one answer about batches: one of them, or a list."""

    def __init__(self, *, submits: bool) -> None:
        self.output = Output()
        self.ended = False
        self._submits = submits
        self._complete = False
        self._batches: list[_Object] = []

    def event(self, data: bytes) -> bool:
        return False

    def body(self, data: bytes) -> None:
        try:
            told = _object(data)
            listed = _objects(told.data) if told.object == "list" else [told]
        except NO_JSON:
            return
        self._complete = True
        self._batches = [each for each in listed if each.object == "batch" and origin.bounded(each.id)]

    def reading(self) -> Reading:
        names: dict[str, str] = {}
        for batch in self._batches:
            id_, output = origin.bounded(batch.id), origin.bounded(batch.output_file_id)
            if self._submits:
                names[id_] = SUBMITTED
            if output:
                names[output] = RESULTS_OF + id_
        jobs = [job for batch in self._batches if (job := _job(batch)) is not None]
        return Reading(
            None,
            final=False,
            served=Served(),
            complete=self._complete,
            failed=False,
            output_bytes=0,
            jobs=jobs,
            names=names,
        )


class FileListener:
    """Of the answer to an upload: the file that it made is no batch's result."""

    def __init__(self) -> None:
        self.output = Output()
        self.ended = False
        self._complete = False
        self._file = ""

    def event(self, data: bytes) -> bool:
        return False

    def body(self, data: bytes) -> None:
        try:
            told = _object(data)
        except NO_JSON:
            return
        self._complete = True
        made = told.file if told.object == "upload" else {"object": told.object, "id": told.id}
        if isinstance(made, dict) and made.get("object") == "file":
            self._file = origin.bounded(made.get("id"))

    def reading(self) -> Reading:
        names = {self._file: UPLOADED} if self._file else {}
        return Reading(
            None, final=False, served=Served(), complete=self._complete, failed=False, output_bytes=0, names=names
        )


def read_result(line: bytes) -> Result | None:
    """One line of a file of results; None where it is no such line."""
    try:
        told = _line(line)
        body = _body(told.response.body) if told.response else None
    except NO_JSON:
        return None
    proven = isinstance(told.id, str) and told.id.startswith(_PROVEN)
    if told.response is None or body is None:
        return Result(None, Served(), proven)
    listener = _LISTENERS.get(body.object) if isinstance(body.object, str) else None
    if listener is None:
        served = Served(model=origin.bounded(body.model), service_tier=TIER)
        return Result(usage_of(body.usage), served, proven)
    heard = listener()
    heard.body(bytes(told.response.body))
    reading = heard.reading()
    return Result(reading.usage, replace(reading.served, service_tier=TIER), proven)


def _job(batch: _Object) -> Job | None:
    """The work of a batch that has ended and says what it consumed."""
    usage = usage_of(batch.usage)
    if usage is None or batch.status not in ENDED:
        return None
    id_ = origin.bounded(batch.id)
    return Job(
        work=origin.bounded(batch.output_file_id) or id_,
        source=Source.OBJECT,
        batch=id_,
        served=Served(model=origin.bounded(batch.model), service_tier=TIER),
        usages=((0, usage),),
        created_us=quantity({"at": batch.created_at}, "at") * _MICROS,
    )

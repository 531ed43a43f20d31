"""Anthropic message batches: their paths, objects and results.

A batch object says how many requests succeeded, and no usage: only the results tell what was consumed. It names their
place as an absolute URL, to which clients go straight, past outlay and with their outlay key. So the origin is taken
off that URL (a named splice): clients join what is left, the path, to the base URL that they were given.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import msgspec

from proxy.dialects import origin
from proxy.dialects.anthropic_messages import MessagesListener
from proxy.dialects.dialect import SUBMITTED, Meter, Operation, Reading
from proxy.dialects.fields import Fields
from proxy.dialects.job_results import Result, ResultsMeter
from proxy.dialects.meters import ANSWER_BYTES_MAX
from proxy.metering.json_object import NO_JSON, ObjectReader, UnreadableError, members
from proxy.model.usage import Served

TIER: Final = "batch"
EDIT: Final = "results_url"
SUBMIT: Final = Operation("batch_submit", priced=False, body_read=False, answer_edit=EDIT, batch=True)
BATCHES: Final = Operation("batches", priced=False, body_read=False, answer_edit=EDIT)
RESULTS: Final = "batch_results"
DELETED: Final = Operation("batch_deleted", priced=False, body_read=False)

ROOT: Final = "/v1/messages/batches"
PLACES: Final = {("POST", ROOT): SUBMIT, ("GET", ROOT): BATCHES}
_TAILS: Final = {("GET", ()): BATCHES, ("POST", ("cancel",)): BATCHES, ("DELETE", ()): DELETED}
ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,200}", re.ASCII)
"""No escapes: a batch has one spelling, or its results would count once for each."""
_URL: Final = re.compile(rb'("results_url"\s*:\s*")https?:\\?/\\?/[^"/\\]+((?:\\?/[^"\\/]*)+")')


def operation(method: str, path: str) -> Operation | None:
    place = PLACES.get((method, path))
    if place is not None or not path.startswith(ROOT + "/"):
        return place
    id_, *tail = path.removeprefix(ROOT + "/").split("/")
    if not ID.fullmatch(id_):
        return None
    if (method, tail) == ("GET", ["results"]):
        return Operation(RESULTS, priced=False, body_read=False, resource=id_)
    return _TAILS.get((method, tuple(tail)))


def requests(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Of a new batch: how each request is named, and the body of its call. Raises UnreadableError."""
    try:
        values = _values(body)
        if [member.key.casefold() for member in members(body, values)].count("requests") != 1:
            raise UnreadableError("A batch has its calls in one key 'requests'.")
        listed = _requests(values["requests"])
    except (KeyError, *NO_JSON):
        raise UnreadableError("The batch can't be read: it must have a list of objects, 'requests'.") from None
    for number, request in enumerate(listed, 1):
        fields = Fields(_REQUEST.read(bytes(request)))
        yield f"Request {number} of the batch ('{origin.bounded(fields.text('custom_id'))}')", fields.raw("params")


def meter(operation: Operation) -> Meter | None:
    """The meter of an answer to one of these operations; None for any other."""
    if operation.name == RESULTS:
        return ResultsMeter(operation.resource, operation.resource, read_result)
    if operation.answer_edit:
        return BatchMeter(submits=operation.name == SUBMIT.name)
    return None


class _Batch(msgspec.Struct, gc=False):
    type: Any = None
    id: Any = None


class _Outcome(msgspec.Struct, gc=False):
    type: str
    message: msgspec.Raw = msgspec.Raw(b"")


class _Line(msgspec.Struct, gc=False):
    custom_id: str
    result: _Outcome


_REQUEST: Final = ObjectReader(("custom_id", "params"))
_values: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_requests: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_batch: Final = msgspec.json.Decoder(_Batch).decode
_line: Final = msgspec.json.Decoder(_Line).decode


class BatchMeter:
    """Of a batch object or a list of them: held back until it is whole, then given with the splice in it."""

    ended = False

    def __init__(self, *, submits: bool) -> None:
        self._submits = submits
        self._pieces: list[bytes] = []
        self._passing = False
        """It is too long to be held back: it passes as it is."""
        self._finished = False
        self._id = ""
        self.output_bytes = 0

    def feed(self, data: bytes) -> bytes:
        if self._passing:
            return data
        self._pieces.append(data)
        self.output_bytes += len(data)
        if self.output_bytes <= ANSWER_BYTES_MAX:
            return b""
        self._passing = True
        whole, self._pieces = b"".join(self._pieces), []
        return whole

    def finish(self) -> bytes:
        whole, self._pieces = b"".join(self._pieces), []
        self._finished = True
        if self._submits and whole:
            try:
                told = _batch(whole)
            except NO_JSON:
                return whole
            self._id = origin.bounded(told.id) if told.type == "message_batch" else ""
        return _URL.sub(rb"\1\2", whole)

    def reading(self) -> Reading:
        names = {self._id: SUBMITTED} if self._id else {}
        return Reading(
            None, final=False, served=Served(), complete=self._finished, failed=False, output_bytes=0, names=names
        )


def read_result(line: bytes) -> Result | None:
    """One line of a batch's results; None where it is no such line."""
    try:
        told = _line(line)
    except NO_JSON:
        return None
    if told.result.type != "succeeded":
        return Result(None, Served(), proven=True)
    heard = MessagesListener()
    heard.body(bytes(told.result.message))
    reading = heard.reading()
    return Result(reading.usage, replace(reading.served, service_tier=TIER), proven=True)

"""Batches: many requests in one go, answered by the stand-in's own formats, once they were asked about often enough.

`x-standin-polls` at submission says how often a batch is looked at before it has ended (0: it ends at once), and
`x-standin-usage: none` that the batch object tells no usage. What a batch consumed is counted when it ends, once.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final
from uuid import uuid4

import msgspec

from proxy.model.usage import NO_USAGE, Usage, total
from proxy.standin.answering import compose
from proxy.standin.behaviour import Behaviour
from proxy.standin.protocol import MISSING_MODEL, Format, WrongRequestError
from proxy.standin.tally import Counted, Ended, Received, Tally

KEPT_MAX: Final = 10_000
REQUESTS_MAX: Final = 50_000
"""Of one batch, as at the real provider."""


@dataclass(frozen=True, slots=True)
class Asked:
    custom_id: str
    form: Format
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Done:
    """One request of a batch, answered."""

    custom_id: str
    model: str
    usage: Usage
    answer: dict[str, Any] | None
    """None: it failed, and cost nothing."""
    error: str = ""


@dataclass(slots=True)
class Batch:
    id: str
    asked: list[Asked]
    behaviour: Behaviour
    received: Received
    told: dict[str, Any]
    """The fields of its object that never change."""
    polls_left: int
    ended: bool = False
    cancelled: bool = False
    done: list[Done] = field(default_factory=list)
    files: dict[str, str | None] = field(default_factory=dict)
    """Names of result files in its object, once it has ended."""

    @property
    def usage(self) -> Usage:
        return total(done.usage for done in self.done)

    @property
    def model(self) -> str:
        return next((done.model for done in self.done if done.answer), "")

    @property
    def succeeded(self) -> int:
        return sum(done.answer is not None for done in self.done)


class Batches:
    """The batches of one provider. `finished` is told of each that ends, before anybody sees it."""

    def __init__(self, tally: Tally, finished: Callable[[Batch], None]) -> None:
        self._tally = tally
        self._finished = finished
        self._batches: OrderedDict[str, Batch] = OrderedDict()

    def submit(self, id_: str, asked: list[Asked], behaviour: Behaviour, received: Received, **told: Any) -> Batch:
        if len(asked) > REQUESTS_MAX:
            raise WrongRequestError(f"a batch has at most {REQUESTS_MAX} requests")
        batch = Batch(id_, asked, behaviour, received, told, behaviour.polls or 0)
        self._batches[id_] = batch
        if len(self._batches) > KEPT_MAX:
            self._batches.popitem(last=False)
        if not batch.polls_left:
            self._end(batch)
        return batch

    def find(self, id_: str) -> Batch:
        """Raises WrongRequestError."""
        batch = self._batches.get(id_)
        if batch is None:
            raise WrongRequestError(f"No batch found with id '{id_}'", status=404, param="id")
        return batch

    def polled(self, id_: str) -> Batch:
        """The batch, looked at once more. Raises WrongRequestError."""
        batch = self.find(id_)
        self._look(batch)
        return batch

    def listed(self) -> list[Batch]:
        """All of them, the newest first, each looked at once more."""
        batches = list(reversed(self._batches.values()))
        for batch in batches:
            self._look(batch)
        return batches

    def cancel(self, id_: str) -> Batch:
        """Half of the requests were done already, and are billed. Raises WrongRequestError."""
        batch = self.find(id_)
        if not batch.ended:
            batch.cancelled = True
            self._end(batch, len(batch.asked) // 2)
        return batch

    def delete(self, id_: str) -> None:
        """Raises WrongRequestError."""
        if not self.find(id_).ended:
            raise WrongRequestError("the batch is still in progress")
        del self._batches[id_]

    def _look(self, batch: Batch) -> None:
        if not batch.ended:
            batch.polls_left -= 1
            if batch.polls_left <= 0:
                self._end(batch)

    def _end(self, batch: Batch, answered: int | None = None) -> None:
        batch.done = [_answer(asked, batch.behaviour) for asked in batch.asked[:answered]]
        batch.ended = True
        self._finished(batch)
        by_model: dict[str, list[Usage]] = {}
        for done in batch.done:
            if done.answer is not None:
                by_model.setdefault(done.model, []).append(done.usage)
        for model, usages in by_model.items():
            self._tally.begin()
            self._tally.end(
                Counted(
                    batch.id, batch.behaviour.marker, "batch", model, 200, Ended.COMPLETE, total(usages), batch.received
                )
            )


def new_id(prefix: str) -> str:
    return f"{prefix}_{uuid4().hex[:24]}"


def counts(batch: Batch) -> Mapping[str, int]:
    return {"done": batch.succeeded, "failed": len(batch.done) - batch.succeeded, "asked": len(batch.asked)}


def _answer(asked: Asked, behaviour: Behaviour) -> Done:
    body = {name: value for name, value in asked.body.items() if name != "stream"}
    try:
        read = asked.form.read(body)
    except WrongRequestError as error:
        return Done(asked.custom_id, str(body.get("model", "")), NO_USAGE, None, str(error))
    if read.model == MISSING_MODEL:
        return Done(asked.custom_id, read.model, NO_USAGE, None, f"The model '{read.model}' does not exist")
    wanted = replace(behaviour, tier="batch", usage="normal")
    identity = sha256(msgspec.json.encode(body)).hexdigest()
    answer = compose(read, wanted, identity)
    whole = asked.form.whole(answer)
    if not isinstance(whole, dict):
        return Done(asked.custom_id, read.model, NO_USAGE, None, "only what is answered in JSON can be in a batch")
    return Done(asked.custom_id, read.model, answer.usage, whole)

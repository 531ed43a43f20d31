"""Jobs: work that a provider did in the background, settled when some answer reports it.

Whoever reports it, and however often, it is one settlement, of the call that submitted it. The gateway remembers a
bounded number of submissions and of what it has settled, so that polling writes no line each time; after a restart, or
on another gateway, it may write one again. The ledger is the authority: the id of a job's line is made of the work
alone, and the ledger takes the first, and gives it to the call that submitted the batch.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from typing import Final, Generic, TypeVar

from proxy.dialects.dialect import RESULTS_OF, SUBMITTED, UPLOADED, Job, Reading
from proxy.gateway.rules import Rules
from proxy.model.call import Call
from proxy.model.entry import Cost, Outcome, Settled, Timing
from proxy.model.usage import KINDS, total

REMEMBERED_MAX: Final = 4096
"""Submissions, files and settled jobs that a gateway remembers, each kind for itself: some 10 MB at most."""
NAMES_MAX: Final = 20
"""Names that one settled line tells (the journal's own bound); what an answer says beyond them is told by the next."""

PREFIX: Final = "job_"
"""How the id of every job's line begins, so that the ledger knows one."""
WORK_CHARS: Final = 32
ATTRIBUTED: Final = "batch"
"""Operation of a job whose submitting call is known."""
POLLED: Final = "batch_polled"
"""Operation of a job of which nobody knows who submitted it: it stands under the call that reported it."""

V = TypeVar("V")
Named = tuple[str, str]
"""Account of a provider, and an id there."""


class Recent(Generic[V]):
    """The values put in last."""

    def __init__(self, kept_max: int = REMEMBERED_MAX) -> None:
        self._max = kept_max
        self._values: OrderedDict[Named, V] = OrderedDict()

    def __contains__(self, key: Named) -> bool:
        return key in self._values

    def get(self, key: Named) -> V | None:
        return self._values.get(key)

    def put(self, key: Named, value: V) -> None:
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self._max:
            self._values.popitem(last=False)


class JobMemory:
    """What one gateway knows of batches."""

    def __init__(self, kept_max: int = REMEMBERED_MAX) -> None:
        self._submitted: Recent[Call] = Recent(kept_max)
        self._uploaded: Recent[bool] = Recent(kept_max)
        self._results_of: Recent[tuple[str, int]] = Recent(kept_max)
        """File of results -> its batch, and when that was submitted."""
        self._settled: Recent[bool] = Recent(kept_max)

    def hear(self, call: Call, reading: Reading) -> dict[str, str]:
        """Take in what an answer says of the provider's ids; gives what of it is new, for the call's own line."""
        created = {job.batch: job.created_us for job in reading.jobs if job.batch}
        new: dict[str, str] = {}
        for name, what in reading.names.items():
            if len(new) == NAMES_MAX:
                break
            if self._note((call.account, name), what, call, created):
                new[name] = what
        return new

    def _note(self, key: Named, what: str, call: Call, created: dict[str, int]) -> bool:
        """True where it was not known."""
        if what == SUBMITTED:
            known = key in self._submitted
            self._submitted.put(key, call)
        elif what == UPLOADED:
            known = key in self._uploaded
            self._uploaded.put(key, True)
        else:
            known = key in self._results_of
            batch = what.removeprefix(RESULTS_OF)
            self._results_of.put(key, (batch, created.get(batch, 0)))
        return not known

    def settlements(self, call: Call, reading: Reading, rules: Rules, now_us: int) -> list[Settled]:
        """A line for each job that `call`'s answer reports and that was not settled here before."""
        return [
            self._settlement(call, job, rules, now_us)
            for job in reading.jobs
            if (call.account, job.work) not in self._settled and self._counts(call.account, job)
        ]

    def settled(self, entries: Iterable[Settled]) -> None:
        """All lines of an answer are written: what it reported is not settled here again."""
        for entry in entries:
            self._settled.put((entry.call.account, entry.served.request_id), True)

    def _counts(self, account: str, job: Job) -> bool:
        """False for a file that a caller uploaded, and for one that only looks like results."""
        if (account, job.work) in self._uploaded:
            return False
        return job.proven or (account, job.work) in self._results_of

    def _settlement(self, call: Call, job: Job, rules: Rules, now_us: int) -> Settled:
        linked, created_us = self._results_of.get((call.account, job.work)) or ("", 0)
        batch = job.batch or linked
        submission = self._submitted.get((call.account, batch))
        payer = submission or call
        at_us = job.created_us or created_us or payer.opened_us
        of_job = replace(
            payer,
            id=job_id(call.account, job),
            opened_us=min(at_us, now_us),
            dialect=call.dialect,
            operation=ATTRIBUTED if submission else POLLED,
            provider=call.provider,
            account=call.account,
            model=job.served.model,
            stream=False,
            policy=call.policy,
            retry=0,
            fingerprint="",
        )
        return Settled(
            call=of_job,
            settled_us=now_us,
            outcome=Outcome.OK,
            status=200,
            usage=total(usage for _, usage in job.usages),
            served=replace(job.served, request_id=job.work),
            cost=_cost(of_job, job, rules),
            estimated=job.estimated,
            timing=Timing(),
            names={job.work: RESULTS_OF + batch} if batch else {},
        )


def job_id(account: str, job: Job) -> str:
    """'job_', 32 hexadecimal digits of the work, the source, and 16 of what served it: the same everywhere."""
    served = job.served
    part = "\0".join((served.model, served.region, served.speed, served.variant))
    return f"{PREFIX}{_digest(account, job.work)[:WORK_CHARS]}{job.source}{_digest(part)[:16]}"


def _digest(*texts: str) -> str:
    return sha256("\0".join(texts).encode("utf-8", "replace")).hexdigest()


def _cost(call: Call, job: Job, rules: Rules) -> Cost:
    """The sum over the lengths of prompts, each at its own price."""
    costs = [
        rules.prices.cost(call.provider, call.model, call.opened_us, usage, job.served, prompt_tokens=longest)
        for longest, usage in job.usages
    ]
    by_kind = {kind: pico for kind in KINDS if (pico := sum(cost.by_kind.get(kind, 0) for cost in costs))}
    ids = dict.fromkeys(cost.price_id for cost in costs)
    return Cost(sum(by_kind.values()), by_kind, " ".join(ids), any(cost.unpriced for cost in costs))

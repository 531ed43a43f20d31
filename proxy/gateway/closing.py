"""Closing: the settled line of a call, written once its ending is known, whatever it takes to know what it consumed."""

import asyncio
from dataclasses import replace

import structlog

from proxy.dialects.dialect import Reading
from proxy.gateway.admitted import Admitted
from proxy.gateway.plane import Plane
from proxy.gateway.recovery import crashed
from proxy.gateway.settlement import Consumed, Ending, counted, held, known, settled
from proxy.model.entry import Outcome, Settled
from proxy.model.usage import Usage
from proxy.ports.counters import Spent
from proxy.ports.journal import JournalUnavailableError

log = structlog.get_logger("outlay.closing")


def close_call(
    plane: Plane, admitted: Admitted, ending: Ending, jobs: Reading | None = None
) -> "asyncio.Task[None] | None":
    """Settle the call. Only counting tokens takes time: a task of its own sees to it, so that no cancellation loses it;
    it is given back for whoever has to keep an order. `jobs`: the reading of an answer that tells of work in the
    background."""
    what = known(admitted, ending)
    if what is not None:
        _record(plane, admitted, ending, what, jobs)
        return None
    task = asyncio.create_task(_count(plane, admitted, ending, jobs))
    plane.counting.add(task)
    task.add_done_callback(plane.counting.discard)
    return task


async def _count(plane: Plane, admitted: Admitted, ending: Ending, jobs: Reading | None) -> None:
    try:
        what = await counted(admitted, ending, plane.tokens)
    except Exception:
        log.exception("counting failed", call_id=admitted.call.id)
        what = held(admitted.request, ending.hold)
    _record(plane, admitted, ending, what, jobs)


def _record(plane: Plane, admitted: Admitted, ending: Ending, what: Consumed, jobs: Reading | None) -> None:
    entry = _entry(plane, admitted, ending, what)
    if plane.watching is not None:
        entry = plane.watching.told(entry, admitted.seen, admitted.verdict.redundancy)
    if jobs is not None:
        entry = replace(entry, names=plane.jobs.hear(entry.call, jobs))
    put_on_record(plane, admitted, entry, ending.reading)
    _learn(plane, admitted, ending)
    if admitted.counted_tokens and not entry.estimated and entry.usage.prompt_tokens:
        reported = entry.usage.prompt_tokens - admitted.request.input_tokens_unseen
        plane.calibration.heard(admitted.model, admitted.counted_tokens, reported)
    if jobs is not None:
        _settle_jobs(plane, admitted, jobs)


def put_on_record(plane: Plane, admitted: Admitted, entry: Settled, reading: Reading | None) -> None:
    """The call is closed with that entry: all who count, wait or watch are told."""
    try:
        plane.journal.append(entry)
    except JournalUnavailableError:
        # The journal owes this line and writes it first when it can; else the next start settles at the hold.
        log.error("settlement not written", call_id=entry.call.id)
    call_id, tokens = entry.call.id, _tokens(entry.usage)
    accounts = plane.counters.accounts_of(call_id) if plane.waiting.anybody else ()
    crossed = plane.counters.settle(call_id, Spent(entry.cost.total_pico, tokens))
    plane.throttling.settle(call_id, tokens, plane.clock)
    plane.waiting.freed(accounts)
    if plane.watching is not None:
        plane.watching.ended(entry, reading)
    if plane.sharing is not None and admitted.same is not None:
        plane.sharing.settled(entry, reading)
    for crossing in crossed:
        plane.warned(crossing)
    plane.observe(entry)


def _learn(plane: Plane, admitted: Admitted, ending: Ending) -> None:
    """A stream that was cut or hung up on tells nothing of how long it would have been."""
    reading = ending.reading
    if admitted.request.stream and ending.outcome is Outcome.OK and reading is not None and reading.complete:
        plane.expecting.heard(admitted.call.key_id, admitted.call.model, reading.output_bytes)


def _spent(entry: Settled) -> Spent:
    return Spent(entry.cost.total_pico, _tokens(entry.usage))


def _tokens(usage: Usage) -> int:
    return usage.prompt_tokens + usage.output_tokens


def _settle_jobs(plane: Plane, admitted: Admitted, reading: Reading) -> None:
    try:
        entries = plane.jobs.settlements(admitted.call, reading, admitted.rules, plane.clock.now_us())
        for entry in entries:
            plane.journal.append(entry)
            plane.counters.count(entry.call.opened_us, _spent(entry), admitted.rules.charges_of(entry.call))
        plane.jobs.settled(entries)
    except JournalUnavailableError:
        log.error("job not written: whoever asks next brings it up again", call_id=admitted.call.id)
    except Exception:
        log.exception("job not settled", call_id=admitted.call.id)


def _entry(plane: Plane, admitted: Admitted, ending: Ending, what: Consumed) -> Settled:
    """The closing entry; where a fault of our own stands in the way, the one that a crash would leave."""
    now_us = plane.clock.now_us()
    try:
        return settled(admitted, ending, what, now_us)
    except Exception:
        log.exception("pricing failed", call_id=admitted.call.id)
        return crashed(admitted.call, ending.hold, now_us)

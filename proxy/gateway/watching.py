"""Watching: shows the redundancy detector every call, and puts what it says on the call's line.

A call is looked at while its answer is awaited, so that looking delays nobody; only where a rule must know before the
call, it is looked at then. Nothing that goes wrong here touches a call.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from operator import itemgetter
from typing import Final, Protocol

import msgspec
import structlog

from proxy.dialects.dialect import Dialect, Reading
from proxy.dialects.messages import Message
from proxy.dialects.sampling import temperature
from proxy.gateway.call_id import opened_us
from proxy.model.call import Call, Request
from proxy.model.entry import Attributed, Settled
from proxy.model.entry import Outcome as Ending
from proxy.model.fact import fact
from proxy.model.found import NOTHING_FOUND, REPEATS_MAX, Found, recorded
from proxy.model.identity import OwnerKind
from proxy.policy.evaluations import Claim, Passed
from proxy.policy.redundancy_outcome import Outcome, judged
from proxy.policy.redundancy_rules import ANSWERING, Evidence, RedundancyRule
from proxy.ports.clock import Clock
from proxy.ports.journal import Journal, JournalUnavailableError
from proxy.redundancy.findings import Attribution, Finding, Judgement
from proxy.redundancy.sight import Answer, Evaluation, Sight

log = structlog.get_logger("outlay.redundancy")

CONTENT_BYTES_MAX: Final = 4_000_000
"""A longer prompt is not looked at."""
MESSAGE_CHARS_MAX: Final = 64_000
"""Of a longer message the beginning and the end are compared word by word, what is between as the same or another: so
no call holds the event loop for more than some 20 ms (a prompt of 2 MB would for 250)."""
MESSAGES_MAX: Final = 2_000
"""Of more messages the oldest stand together, MESSAGES_FOLDED as one, which is the same or another. (100,000 of a few
letters each would hold the event loop for 300 ms.)"""
MESSAGES_FOLDED: Final = 1_000
LOOKED_AT_MAX: Final = 20_000
"""Calls in flight whose judgement is kept; the oldest leaves first."""
NO_OUTCOME: Final = Outcome()
_NAMES_A_LINE: Final = 100
_REFUSED: Final = 400
_NO_ANSWER: Final = 599
_NOTHING: Final = Judgement("")
_TEXT: Final = itemgetter(1)


@fact(frozen=True, slots=True)
class Seen:
    """A call as it came in, for the detector. It holds the prompt, as the call itself does while it runs."""

    dialect: Dialect
    request: Request
    content: bytes
    claim: Claim | None = None
    """What it says it is part of, and may say."""


def seen(
    dialect: Dialect,
    request: Request,
    content: bytes | None,
    *,
    priced: bool,
    claim: Claim | None = None,
) -> Seen | None:
    """None: there is nothing in it to compare."""
    if not priced or content is None or not request.content or len(content) > CONTENT_BYTES_MAX:
        return None
    return Seen(dialect, request, content, claim)


@dataclass(slots=True)
class _Look:
    """What is known of a call in flight."""

    judgement: Judgement
    claim: Claim | None = None
    """Believed: the call was let pass for it."""
    action: str = ""
    """What a rule did about it, as in Found."""


class Detecting(Protocol):
    """A Detector, or Generations of them."""

    def decide(self, sight: Sight) -> Judgement: ...

    def learn(self, call_id: str, answer: Answer) -> Sequence[Attribution]: ...


class Watching:
    """Of one gateway: its detector, and what was found about the calls in flight."""

    def __init__(
        self,
        detector: Detecting,
        clock: Clock,
        journal: Journal,
        turned_away: Callable[[Found], None] = lambda _: None,
    ) -> None:
        """`turned_away`: told what was found about each call that goes no further, for metrics."""
        self._detector = detector
        self._turned_away = turned_away
        self._clock = clock
        self._journal = journal
        self._looks: OrderedDict[str, _Look] = OrderedDict()
        self._passed = Passed()
        self.looked_at = 0
        self.look_us = 0
        """How long they have held the event loop, all together."""
        self.look_us_max = 0
        self.faults = 0
        """Calls that could not be looked at, because of a fault of ours."""

    def look(self, call: Call, what: Seen | None) -> None:
        """Find out about the call, if that wasn't done yet."""
        if what is None or call.id in self._looks:
            return
        claim = what.claim
        if claim is not None and not self._passed.room(claim.evaluation, call.opened_us):
            claim = None
        begun_us = self._clock.monotonic_us()
        try:
            judgement = self._detector.decide(_sight(call, what, claim))
        except Exception:
            self.faults += 1
            log.exception("call not looked at", call_id=call.id)
            judgement = _NOTHING
        took_us = self._clock.monotonic_us() - begun_us
        self.looked_at += 1
        self.look_us += took_us
        self.look_us_max = max(self.look_us_max, took_us)
        if len(self._looks) >= LOOKED_AT_MAX:
            self._looks.popitem(last=False)
        if claim is not None and judgement.exempted == "evaluation":
            self._passed.count(claim.evaluation, call.opened_us, calls=1)
        else:
            claim = None
        self._looks[call.id] = _Look(judgement, claim)

    def evidence(self, call: Call) -> tuple[Evidence, ...]:
        """What was found, as rules weigh it, the strongest first."""
        look = self._looks.get(call.id)
        if look is None:
            return ()
        return tuple(
            [
                Evidence(each.waste_class, round(each.score * 1000), each.flagged, _age_us(call, each))
                for each in look.judgement.findings
            ]
        )

    def outcome(self, call: Call, what: Seen | None, rules: Sequence[RedundancyRule]) -> Outcome:
        """What rules make of it that need not know before the call, and what those in shadow mode would."""
        self.look(call, what)
        return judged(rules, self.evidence(call), justified=bool(call.justification)) if rules else NO_OUTCOME

    def acted(self, call: Call, action: str) -> None:
        """A rule did that about the call."""
        look = self._looks.get(call.id)
        if look is not None:
            look.action = action

    def found(self, call: Call) -> Found:
        """As it stands on the call's line."""
        look = self._looks.get(call.id)
        return NOTHING_FOUND if look is None else _found(call, look)

    def told(self, entry: Settled, what: Seen | None, rules: Sequence[RedundancyRule]) -> Settled:
        """The entry with what was found about its call."""
        call = entry.call
        outcome = self.outcome(call, what, rules)
        if any(each.rule.action == "warn" for each in outcome.fired):
            self.acted(call, "warned")
        found = self.found(call)
        if found == NOTHING_FOUND:
            return entry
        # Whether an answer was there to be given instead, is known where answers are (sharing).
        shadow = (*entry.shadow, *[str(each) for each in outcome.shadow if each.would not in ANSWERING])
        return replace(entry, found=recorded(found), repeats=found.repeats, shadow=shadow)

    def ended(self, entry: Settled, reading: Reading | None) -> None:
        """The call is settled: what came of it, for those that follow."""
        look = self._looks.get(entry.call.id)
        if look is not None and look.claim is not None:
            self._passed.count(look.claim.evaluation, entry.call.opened_us, cost_pico=entry.cost.total_pico)
        self._learn(entry.call.id, _answer(entry, reading))

    def refused(self, call: Call) -> None:
        """The call was turned away after it had been looked at."""
        self._turned_away(self.found(call))
        self._learn(call.id, Answer(ended_us=call.opened_us, status=_REFUSED))

    def _learn(self, call_id: str, answer: Answer) -> None:
        if self._looks.pop(call_id, None) is None:
            return
        try:
            self._write(self._detector.learn(call_id, answer))
        except Exception:
            self.faults += 1
            log.exception("nothing learnt of a call", call_id=call_id)

    def _write(self, attributions: Sequence[Attribution]) -> None:
        now_us = self._clock.now_us()
        for each in attributions:
            for at in range(0, len(each.call_ids), _NAMES_A_LINE):
                ids = tuple(each.call_ids[at : at + _NAMES_A_LINE])
                try:
                    self._journal.append(Attributed(each.campaign, each.waste_class, now_us, ids))
                except JournalUnavailableError:
                    log.error("attribution not written", campaign=each.campaign, calls=len(ids))


def _sight(call: Call, what: Seen, claim: Claim | None) -> Sight:
    request = what.request
    return Sight(
        call_id=call.id,
        at_us=call.opened_us,
        owner=call.owner,
        owner_kind="service" if call.owner_kind == OwnerKind.SERVICE else "person",
        project=call.project,
        team=call.team,
        session=call.session or None,
        model=call.model,
        operation=call.operation,
        temperature=lambda: temperature(what.content),
        choices=request.choices,
        output_tokens_max=request.output_tokens_max,
        retry_count=call.retry,
        evaluation=Evaluation(claim.commit) if claim is not None else None,
        justification=call.justification or None,
        messages=_messages(what),
    )


def _messages(what: Seen) -> list[Message]:
    """What is kept at the provider stands for itself in figures: other figures are another call."""
    said = what.dialect.messages(what.request.content)
    if max(map(len, map(_TEXT, said)), default=0) > MESSAGE_CHARS_MAX:
        said = [(role, _bounded(text)) for role, text in said]
    if len(said) > MESSAGES_MAX:
        said = _folded(said)
    return [("user", _figures(what.request.kept)), *said] if what.request.kept else said


def _folded(said: Sequence[Message]) -> list[Message]:
    """So many at a time that a conversation which grows mostly continues the one before."""
    end = -(-(len(said) - MESSAGES_MAX) // MESSAGES_FOLDED) * MESSAGES_FOLDED
    folds = [said[at : at + MESSAGES_FOLDED] for at in range(0, end, MESSAGES_FOLDED)]
    return [*[("user", _figures(msgspec.json.encode(fold))) for fold in folds], *said[end:]]


def _bounded(text: str) -> str:
    if len(text) <= MESSAGE_CHARS_MAX:
        return text
    half = MESSAGE_CHARS_MAX // 2
    between = text[half:-half].encode("utf-8", "surrogatepass")
    return f"{text[:half]}\n{_figures(between)}\n{text[-half:]}"


def _figures(data: bytes) -> str:
    """In groups, as no disguise looks like."""
    figures = str(int.from_bytes(blake2b(data, digest_size=8).digest()))
    return " ".join(figures[at : at + 3] for at in range(0, len(figures), 3))


def _answer(entry: Settled, reading: Reading | None) -> Answer:
    return Answer(
        ended_us=entry.settled_us,
        status=entry.status or _NO_ANSWER,
        reply=reading.reply if reading is not None else "",
        # Hidden thoughts are no part of the reply.
        output_tokens=entry.usage.output_tokens - entry.usage.reasoning,
        cost_pico=entry.cost.total_pico,
        hung_up=entry.outcome is not Ending.OK,
    )


def _found(call: Call, look: _Look) -> Found:
    judgement = look.judgement
    exempted = judgement.exempted or ""
    if not judgement.findings:
        return Found(exempted=exempted, action=look.action)
    strongest = judgement.findings[0]
    return Found(
        waste_class=strongest.waste_class,
        score_milli=round(strongest.score * 1000),
        flagged=strongest.flagged,
        campaign=strongest.campaign,
        exempted=exempted,
        action=look.action,
        age_us=_age_us(call, strongest),
        repeats=tuple(strongest.repeats[-REPEATS_MAX:]),
    )


def _age_us(call: Call, finding: Finding) -> int:
    """Ids of calls tell when they were admitted: see call_id."""
    newest = max((opened_us(each) for each in finding.repeats), default=0)
    return max(0, call.opened_us - newest) if newest else 0

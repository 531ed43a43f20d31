"""Sharing: one answer for several calls that are the same: kept for those that come later (`serve`), passed on to those
that come while it is under way (`coalesce`).

Only what an enforced rule is for is ever kept or passed on; for a rule in shadow mode it is noted that an answer was
there, not what it says. Only whole, successful answers that depend on nothing but the call are kept.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from proxy.dialects.dialect import Reading
from proxy.dialects.stateless import deterministic, stateless
from proxy.gateway.admitted import Admitted
from proxy.gateway.answer_key import digest, scope_of
from proxy.gateway.client import Client
from proxy.gateway.freshness import Freshness, freshness
from proxy.gateway.kept_answers import KeptAnswer, KeptAnswers, size
from proxy.gateway.recording import Recording
from proxy.gateway.rules import Rules
from proxy.gateway.same import Keeping, Leading, Same
from proxy.gateway.weighing import Weighing
from proxy.model.call import Call
from proxy.model.entry import Outcome, Settled
from proxy.policy.redundancy_rules import CacheSettings, RedundancyRule
from proxy.policy.verdict import Shadow
from proxy.ports.clock import Clock

SHARED_BYTES_MAX: Final = 1_000_000
"""Of one answer, for whoever joins late: a longer one is followed only by those who are there already."""
NOTED_BYTES_MAX: Final = 32_000_000
"""Of all answers that are being noted. What finds no room isn't kept, and nobody new may follow it."""
SWEEP_S: Final = 5.0
"""So much longer than its time an answer may lie in memory, given to nobody."""
OF_THE_BODY: Final = frozenset((b"content-type", b"content-encoding", b"content-language", b"content-length"))
"""Headers that say what the body is."""
SERVE: Final = "serve"
COALESCE: Final = "coalesce"


@dataclass(slots=True)
class _Noted:
    """A call whose answer is being noted."""

    admitted: Admitted
    same: Same
    recording: Recording
    whole: bool = False
    """It was settled as a whole answer that may be kept."""
    outdated: bool = False
    """Other rules are in force than those that had it noted."""


class Sharing:
    """Of one gateway, in its memory."""

    def __init__(self, clock: Clock, answers: KeptAnswers | None = None) -> None:
        self._clock = clock
        self.answers = KeptAnswers() if answers is None else answers
        self._settings = CacheSettings()
        self._rules: Sequence[RedundancyRule] = ()
        self._leaders: dict[tuple[str, bytes], Recording] = {}
        self._noted: dict[str, _Noted] = {}
        self._noted_bytes = 0
        self.served = 0
        """Calls that were given a kept answer."""
        self.missed = 0
        """Calls that a rule would serve, had there been one."""
        self.coalesced = 0
        """Calls that followed another."""

    def reload(self, rules: Rules) -> None:
        """Other rules are in force: what was kept by other ones is gone."""
        now = rules.policies.rules
        if (now.cache, now.redundancy) != (self._settings, self._rules):
            self._settings, self._rules = now.cache, now.redundancy
            self.answers.clear()
            for noted in self._noted.values():
                noted.outdated = True

    async def sweep(self) -> None:
        """Runs until it is cancelled: no answer outlives its time."""
        while True:
            await asyncio.sleep(SWEEP_S)
            self.answers.expire(self._since_us(self._settings.ttl_s))

    def same(self, weighing: Weighing, call: Call, rules: Sequence[RedundancyRule]) -> Same | None:
        """What the call may be given instead of going to the provider, and what its answer may become; None: nothing.
        `rules`: those that are for it."""
        serve, coalesce = _of(rules, SERVE), _of(rules, COALESCE)
        incoming = weighing.incoming
        if not (serve or coalesce) or incoming.content is None:
            return None
        wished = freshness(incoming.headers)
        content = incoming.content
        if not wished.storable or not stateless(call.operation, weighing.sent.request, content):
            return None
        if not (serve or deterministic(call.operation, content)):
            return None
        same, hashed = Same(), digest(weighing, call, content)
        if serve:
            same = self._kept(same, weighing.rules.policies.rules.cache, call, hashed, serve, wished)
        if coalesce and same.kept is None and deterministic(call.operation, content):
            same = self._led(same, call, hashed, coalesce, wished)
        return same

    def _kept(
        self,
        same: Same,
        settings: CacheSettings,
        call: Call,
        hashed: bytes,
        rules: Sequence[RedundancyRule],
        wished: Freshness,
    ) -> Same:
        """With the answer that is there, or with how this one may be kept."""
        enforced = _enforced(rules)
        key = (scope_of(call, settings.scope), hashed)
        age_max_s = min(settings.ttl_s, wished.age_max_s)
        found = self.answers.get(key, self._since_us(age_max_s)) if age_max_s > 0 else None
        if found is None or (enforced and found.body is None):
            self.missed += enforced
            return replace(same, keeping=Keeping(key, settings, enforced))
        shadow = (*same.shadow, *_shadows(rules))
        if not enforced:
            return replace(same, shadow=shadow)
        age_s = (self._clock.monotonic_us() - found.kept_us) // 1_000_000
        return replace(same, kept=found, shadow=shadow, age_s=age_s)

    def _led(self, same: Same, call: Call, hashed: bytes, rules: Sequence[RedundancyRule], wished: Freshness) -> Same:
        """With the call under way that it may follow, or that it may be followed itself. One key's calls of one
        project: the one that goes to the provider is paid for all."""
        enforced = _enforced(rules)
        key = (f"{call.key_id}\0{call.project}", hashed)
        leader = self._leaders.get(key)
        if leader is None or wished.age_max_s <= 0:
            return replace(same, leading=Leading(key, enforced))
        if enforced and not leader.followable:
            return same
        follower = leader.follow() if enforced else None
        return replace(same, follower=follower, shadow=(*same.shadow, *_shadows(rules)))

    def noting(self, admitted: Admitted, same: Same, client: Client) -> Client:
        """The client of a call that goes to the provider, with what passes to it noted; `over` must follow."""
        keeping, leading = same.keeping, same.leading
        if keeping is None and leading is None:
            return client
        text = (keeping is not None and keeping.text) or (leading is not None and leading.text)
        limits = (keeping.settings.answer_bytes_max if keeping else 0, SHARED_BYTES_MAX if leading else 0)
        recording = Recording(
            client,
            admitted.call.id,
            room=self._room,
            bytes_max=max(limits),
            text=text,
            followable=leading is not None and leading.text,
            ended=self._ended,
        )
        self._noted[admitted.call.id] = _Noted(admitted, same, recording)
        if leading is not None:
            self._leaders.setdefault(leading.key, recording)
        return recording

    def settled(self, entry: Settled, reading: Reading | None) -> None:
        """How a call was settled, before the last byte of its answer passes."""
        noted = self._noted.get(entry.call.id)
        if noted is not None:
            noted.recording.entry = entry
            noted.whole = _whole(noted, entry, reading)

    def over(self, call_id: str) -> None:
        """The call is over; what it was noted for has ended."""
        noted = self._noted.pop(call_id, None)
        if noted is None:
            return
        noted.recording.close()
        self._noted_bytes -= noted.recording.taken
        leading = noted.same.leading
        if leading is not None and self._leaders.get(leading.key) is noted.recording:
            del self._leaders[leading.key]

    def _ended(self, recording: Recording) -> None:
        noted = self._noted.get(recording.call_id)
        if noted is None:
            return
        keeping, entry = noted.same.keeping, recording.entry
        if keeping is not None and entry is not None and noted.whole and not noted.outdated:
            self._keep(recording, keeping, entry)
        self.over(recording.call_id)

    def _keep(self, recording: Recording, keeping: Keeping, entry: Settled) -> None:
        settings, body = keeping.settings, recording.body if keeping.text else None
        if recording.bytes > settings.answer_bytes_max or (keeping.text and body is None):
            return
        headers = [line for line in recording.headers if line[0] in OF_THE_BODY]
        kept = KeptAnswer(
            call_id=recording.call_id,
            cost_pico=entry.cost.total_pico,
            served=replace(entry.served, request_id=""),
            headers=tuple(headers),
            body=body,
            bytes=size(recording.bytes, headers),
            edits=entry.edits,
            kept_us=self._clock.monotonic_us(),
        )
        self.answers.put(keeping.key, kept, settings.bytes_max)

    def _room(self, more: int) -> bool:
        if self._noted_bytes + more > NOTED_BYTES_MAX:
            return False
        self._noted_bytes += more
        return True

    def _since_us(self, age_s: float) -> int:
        return self._clock.monotonic_us() - int(age_s * 1_000_000)


def _whole(noted: _Noted, entry: Settled, reading: Reading | None) -> bool:
    """Nothing is missing of the answer, nothing is wrong with it, and it came from where the call was sent first."""
    if reading is None or not reading.complete or reading.failed or reading.jobs or reading.names:
        return False
    there = entry.call.provider == noted.admitted.call.provider
    return there and entry.outcome is Outcome.OK and entry.status == 200 and not entry.estimated


def _of(rules: Sequence[RedundancyRule], action: str) -> Sequence[RedundancyRule]:
    return [rule for rule in rules if rule.action == action]


def _enforced(rules: Sequence[RedundancyRule]) -> bool:
    return any(rule.mode == "enforce" for rule in rules)


def _shadows(rules: Sequence[RedundancyRule]) -> tuple[Shadow, ...]:
    return tuple([Shadow(rule.name, rule.action) for rule in rules if rule.mode == "shadow"])

"""Refusing: a call that is turned away is on record, and counted where a budget counts such calls."""

from dataclasses import dataclass
from typing import Final

from proxy.model.ask import Recorded
from proxy.model.call import Call
from proxy.model.decision import Reason, Refusal
from proxy.model.entry import Refused
from proxy.model.found import NOTHING_FOUND, Found, recorded
from proxy.policy.types import Provider
from proxy.policy.verdict import Verdict
from proxy.ports.counters import Counters, Spent
from proxy.ports.journal import Journal, JournalUnavailableError

UNMETERABLE: Final = Refusal(
    503,
    Reason.UNMETERABLE,
    "outlay can't write its journal, and forwards no call that it can't meter. "
    "Nothing was sent to the provider. An admin finds the cause with `outlay doctor` (often a full disk).",
    retry_after_s=5,
    retryable=True,
)


@dataclass(frozen=True, slots=True)
class Refusing:
    journal: Journal
    counters: Counters

    def refuse(
        self,
        call: Call,
        refusal: Refusal,
        verdict: Verdict | None = None,
        ask: Recorded | None = None,
        found: Found = NOTHING_FOUND,
    ) -> tuple[Refusal, str]:
        """What to answer, and the call id under which it is on record."""
        matched = verdict.matched if verdict is not None else ()
        shadow = tuple(map(str, verdict.shadow)) if verdict is not None else ()
        said = (refusal.status, refusal.reason, refusal.rule, refusal.message)
        squeezed = (refusal.squeeze,) if refusal.squeeze else ()
        entry = Refused(call, *said, matched, shadow, ask or {}, recorded(found), found.repeats, squeezed)
        try:
            self.journal.append(entry)
        except JournalUnavailableError:
            return UNMETERABLE, call.id
        if verdict is not None:
            counting = [charge for charge in verdict.charges if charge.budget.count_refused]
            self.counters.count(call.opened_us, Spent(0, 0), counting)
        return refusal, call.id


def no_credential(provider: Provider) -> Refusal:
    """Without a credential the provider would refuse anyway, in words that point at the wrong key."""
    source = provider.api_key
    place = f"the environment variable {source.name}" if source.source == "env" else f"the file {source.name}"
    return Refusal(
        400,
        Reason.PROVIDER_UNCONFIGURED,
        f"outlay has no credential for the provider '{provider.name}': {place} is empty "
        f"({provider.where or 'providers.yaml'}). An admin sets it (a variable needs a restart, a file does not), "
        "or a caller brings an own credential beside x-outlay-key.",
    )

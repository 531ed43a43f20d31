"""Blaming: which deployments an incident speaks against, beside the one that ran."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from proxy.outcomes.delivered import Candidate
from proxy.outcomes.entities import BadEvent

OWN: Final = frozenset({"failed_status", "rollback", "redeploy_older"})
"""Kinds that tell exactly which deployment they mean."""


def blamed(
    candidates: Sequence[Candidate], bad_events: Iterable[BadEvent], worked: Callable[[Candidate], bool]
) -> Mapping[str, Sequence[BadEvent]]:
    """Bad events by deployment. What brings no work shields nothing: the fault was there before."""
    by_id = {each.deployment.id: each for each in candidates}
    found: dict[str, list[BadEvent]] = defaultdict(list)
    for event in bad_events:
        found[event.deployment].append(event)
        ran = by_id.get(event.deployment)
        if ran is None or event.kind in OWN:
            continue
        for each in _behind(ran, event.at_us, by_id, worked):
            found[each.deployment.id].append(event)
    return found


def _behind(
    ran: Candidate, at_us: int, by_id: Mapping[str, Candidate], worked: Callable[[Candidate], bool]
) -> Iterator[Candidate]:
    """As far as one that brought work, within its soak."""
    while not worked(ran):
        again = ran.origin != ran.deployment.id
        before = by_id.get(ran.origin if again else ran.deployment.after)
        if before is None or before is ran or at_us > before.until_us:
            return
        ran = before
        yield ran

"""Running: which deployment ran before each, and so what each brought."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from proxy.model.told import ShippedTold
from proxy.outcomes.entities import Deployment

Shipped = Mapping[tuple[str, str, str], Sequence[ShippedTold]]
"""By service, commit, and the commit before."""

ROLLED_BACK = "rolled_back"


def with_commits(deployments: Iterable[Deployment], shipped: Shipped) -> Iterable[Deployment]:
    """In their order. One that nobody trusts is nothing that others come after: it would take their commits."""
    places: dict[tuple[str, str, str], list[Deployment]] = defaultdict(list)
    for each in deployments:
        runs = places[each.service, each.environment, each.repository]
        before = _running(runs, each.at_us)
        sha = before.sha if before else ""
        told = shipped.get((each.service, each.sha, sha), ())
        yield replace(
            each,
            before=sha,
            after=before.id if before else "",
            commits=tuple(sorted({commit for line in told for commit in line.commits})) if told else None,
            older=any(line.older for line in told),
        )
        _go_on(runs, each)


def _running(runs: list[Deployment], at_us: int) -> Deployment | None:
    """What failed by then runs no more: what was there before it does."""
    while runs and 0 < runs[-1].failed_us <= at_us:
        runs.pop()
    return runs[-1] if runs else None


def _go_on(runs: list[Deployment], each: Deployment) -> None:
    if not each.service:
        return
    if each.succeeded and each.trusted:
        if each.sha:
            runs.append(each)
    elif each.state == ROLLED_BACK and each.heard and runs:
        _roll_back(runs, each)


def _roll_back(runs: list[Deployment], each: Deployment) -> None:
    """To the artefact that it names, or else by one: where it names what ran, that is what was rolled back."""
    last = len(runs) - 1
    known = next((at for at in range(last, -1, -1) if runs[at].artefact & each.artefact), last)
    del runs[min(known + 1, last) :]

"""Changing: strategies that make much of little work, or old work new."""

from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

from bench.gaming.diffs import hollow, pretended, read
from bench.gaming.outcome import Outcome
from bench.gaming.plan import HOUR, MINUTE, Plan, Work, extra, numbered
from bench.gaming.strategy import Bound, Residual, Strategy, distinct
from bench.gaming.world import World
from proxy.model.told import ChangeTold


def _churn(plan: Plan, count: int) -> None:
    for number, day in numbered(plan, count):
        edits = hollow(number)
        extra(plan, f"9{number:03}", day, **read(edits[number % len(edits)]))


def _pretend(plan: Plan, count: int) -> None:
    for number, day in numbered(plan, count):
        edits = pretended(number)
        extra(plan, f"9{number:03}", day, **read(edits[number % len(edits)]))


def _split_by(plan: Plan, count: int, **shared: Any) -> list[Work]:
    work = plan.measured()[0]
    plan.works.remove(work)
    pieces = [
        replace(
            work,
            number=f"{work.number}{piece:04}",
            merged=work.merged + piece * 30 * MINUTE,
            deployed=work.merged + (piece * 30 + 15) * MINUTE,
            usd=work.usd / (count + 1),
            given=dict(shared),
        )
        for piece in range(count + 1)
    ]
    plan.works += pieces
    return pieces


def split_one_item(plan: Plan, count: int) -> None:
    _split_by(plan, count, work_items=("ONE-1",))


def _split_one_diff(plan: Plan, count: int) -> None:
    _split_by(plan, count, simhash="ffff0000ffff0000", work_items=())


def _split_stack(plan: Plan, count: int) -> None:
    pieces = _split_by(plan, count, work_items=())
    for under, piece in pairwise(pieces):
        piece.given |= {"branch": f"b{piece.number}", "base": "main"}
        under.given |= {"branch": f"b{under.number}"}
        plan.do(piece.merged - 20 * MINUTE, lambda world, u=under, p=piece: _stacked(world, u, p))


def _stacked(world: World, under: Work, piece: Work) -> None:
    """While the one below is open, the one above is to go into its branch."""
    place = world.repository(piece.service)
    head = f"h-{place.rpartition('/')[2]}-{piece.number}"
    told = ChangeTold(place, piece.number, piece.author, head, f"b{under.number}", f"b{piece.number}")
    world.tell(told, piece.merged - 20 * MINUTE)


def _tickets(plan: Plan, count: int) -> None:
    for number, piece in enumerate(_split_by(plan, count)):
        piece.given = {"work_items": (f"ONE-{number}",)}


def _revert(plan: Plan, count: int) -> None:
    for number, day in numbered(plan, count):
        extra(plan, f"9{number:03}", day)
        extra(plan, f"8{number:03}", day + 9, reverts=f"9{number:03}")


def _revert_late(plan: Plan, count: int) -> None:
    for number, day in numbered(plan, count):
        extra(plan, f"9{number:03}", day)
        extra(plan, f"8{number:03}", day + 32, reverts=f"9{number:03}")


def _again_by_hand(plan: Plan, count: int) -> None:
    """Own work is taken out and put back a little otherwise, by changes that say nothing of it."""
    for number, day in numbered(plan, count):
        extra(plan, f"8{number:03}", day, simhash=f"{number + 1:016x}")
        extra(plan, f"9{number:03}", day + 2 * HOUR, simhash=f"{(number + 1) << 40 | 0xFFFF:016x}")


def _formatted(plan: Plan, count: int) -> None:
    """Own work is taken back by a change that doesn't say so, and put back in another format: the same patches, once
    turned round."""
    for number, work in enumerate(plan.measured()[:count]):
        own = f"p-{work.service}-{work.number}"
        extra(plan, f"8{number:03}", work.deployed + 5, patch=f"un-{own}", inverse=own, work_items=(f"UN-{number}",))
        extra(plan, f"9{number:03}", work.deployed + 5.1, patch=own, inverse=f"un-{own}", work_items=(f"RE-{number}",))


def _reverts_of_reverts(plan: Plan, count: int) -> None:
    """Reverts of honest work, taken back at once by a second revert: new changes, old work; with self-made tickets."""
    for number, work in enumerate(plan.measured()[:count]):
        undo, redo = f"8{number:03}", f"9{number:03}"
        extra(plan, undo, work.deployed + 5, reverts=work.number, work_items=(f"UN-{number}",))
        extra(plan, redo, work.deployed + 5.1, reverts=undo, work_items=(f"RE-{number}",))


def _over_services(plan: Plan, count: int) -> None:
    """Copies of one change in other services, on tickets of their own."""
    others = plan.others()
    work = plan.measured()[0]
    work.given = {"work_items": (), "simhash": "f0f0f0f0f0f0f0f0"}
    for number in range(count):
        near = f"{0xF0F0F0F0F0F0F0F0 ^ 1 << number % 60:016x}"
        day = int(work.merged) + 1 + 3 * HOUR + number * MINUTE
        extra(plan, f"9{number:03}", day, service=others[number % len(others)], simhash=near)


def _copy_and_land(plan: Plan, count: int) -> None:
    """Old work of one's own, copied into another service with its lines moved, and claimed by new tickets there."""
    others = plan.others()
    for number, work in enumerate(plan.measured()[:count]):
        extra(
            plan,
            f"9{number:03}",
            int(work.merged) + 20 + 3 * HOUR + number * MINUTE,
            service=others[number % len(others)],
            patch=f"p-{work.service}-{work.number}",
            work_items=(f"CP-{number}",),
        )


def _flags(plan: Plan, count: int) -> None:
    for number, day in numbered(plan, count):
        extra(plan, f"9{number:03}", day, substance="config")


def _land_first(plan: Plan, count: int) -> None:
    """What others have in review is copied, and deployed in one's own service before theirs."""
    others = plan.others()
    for number in range(count):
        found = plan.measured(others[number % len(others)])
        work = found[number % len(found)]
        plan.touched.add(work.service)
        patch = f"p-{work.service}-{work.number}"
        extra(plan, f"9{number:03}", int(work.merged) + 3 * HOUR + number * MINUTE, patch=patch)


def _name_others(plan: Plan, count: int) -> None:
    """Trifles that name the tickets of two changes of another team each, so that those become one."""
    others = [name for name in plan.others() if plan.services.services[name].tier == "standard"]
    for number, day in numbered(plan, count):
        found = plan.measured(others[number % len(others)])
        first, second = (found[(2 * number + at) % len(found)] for at in range(2))
        plan.touched.add(first.service)
        items = tuple(f"{each.service.upper()}-{each.number}" for each in (first, second))
        extra(plan, f"9{number:03}", day, work_items=items)


def _of_two_services(plan: Plan) -> None:
    """The team is one of two that share a repository."""
    plan.team = "t12"


def _shared_paths(plan: Plan, count: int) -> None:
    """Each change touches the other service's part too, and is deployed by both."""
    for number, work in enumerate(plan.measured()[:count]):
        work.given = {"touches": ["s11", "s12"]}
        day = int(work.deployed) + 1 + 3 * HOUR + number * MINUTE
        plan.do(day, lambda world, n=number, d=day: world.ship("s11", f"both{n}", d), "s11")


def _shared_taken(plan: Plan, count: int) -> None:
    """What the others change in common files is deployed by the own service before theirs."""
    for number, work in enumerate(plan.measured("s11")[:count]):
        work.given = {"touches": ["s11", "s12"]}
        day = work.merged + MINUTE / 10
        plan.do(day, lambda world, n=number, d=day: world.ship("s12", f"taken{n}", d), "s11")


def _taken(honest: Outcome, plan: Plan, count: int) -> Bound:
    cut_off = float(honest.whole.earned.credits) - honest.held(honest.normal)
    return Bound(cut_off, team=count, moved=2 * count)


def _both(honest: Outcome, plan: Plan, count: int) -> Bound:
    """The other service may be the first to deploy it, and so have the credit and what it cost."""
    cut_off = float(honest.whole.earned.credits) - honest.held(honest.normal)
    return Bound(cut_off, moved=2 * count, row=sum(each.usd for each in plan.measured()[:count]))


def _lost(honest: Outcome, plan: Plan, count: int) -> Bound:
    return Bound(moved=2 * count)


TAKEN: Final = Residual("one for each taken from another team; the organisation what full weeks cut off", _taken)
EITHER: Final = Residual("what full weeks cut off: the first of both services that deploys it has the credit", _both)
HARM: Final = Residual("baselines of its tier fall, as the others earn less: their loss is two for each", _lost)

CHANGING: Final = (
    Strategy("3", "white space, comments, lock, generated and vendored files, prose, flags", "Q1", _churn),
    Strategy(
        "3a", "code moved, renamed, dead, behind flags; generated under other names", "g; 2b", _pretend, distinct()
    ),
    Strategy("4", "one change in k+1, one work item", "one group", split_one_item),
    Strategy("4", "one change in k+1, near diffs", "one group", _split_one_diff),
    Strategy("4", "one change in k+1, a stack", "one group", _split_stack),
    Strategy("5", "one change in k+1, each with its ticket and review", "g; 2b", _tickets, distinct()),
    Strategy("7", "deploy, then revert", "D7: claw-back", _revert),
    Strategy("7a", "deploy, revert after 31 days", "g; 2b", _revert_late, distinct()),
    Strategy("7b", "taken back and put back, in another format", "Q4, one patch", _formatted),
    Strategy("7c", "reverts of reverts, new tickets", "Q4: the same group", _reverts_of_reverts),
    Strategy("7d", "taken out and put back by hand, a little otherwise", "g; 2b", _again_by_hand, distinct(2)),
    Strategy("13", "one change over k services", "one group", _over_services),
    Strategy("13a", "own work copied over services, new tickets", "one patch, one group", _copy_and_land),
    Strategy("13b", "changes of files that two services share", "one group", _shared_paths, EITHER, _of_two_services),
    Strategy(
        "13c", "others' changes of shared files deployed first", "one group", _shared_taken, TAKEN, _of_two_services
    ),
    Strategy("13d", "others' open work copied and landed first", "one group", _land_first, TAKEN),
    Strategy("13e", "others' tickets named, so that their changes are one", "it is seen", _name_others, HARM),
    Strategy("14", "flags and configuration", "own line", _flags),
)

"""Forging: what those try who are believed in some things: holders of a pipeline's key, and admins who import the past.

As real bytes and documents, through the product's own verification and translation.
"""

import json
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any, Final

from bench.gaming.door import time_of
from bench.gaming.outcome import Outcome
from bench.gaming.plan import DEPLOYER, HOUR, MINUTE, Plan, Work, extra, merged_only, numbered
from bench.gaming.registering import YOUNG, a_young_service
from bench.gaming.strategy import Bound, Residual, Strategy, distinct
from bench.gaming.world import World
from proxy.model.told import CommitTold, ReviewTold
from proxy.model.told_facts import kind_of, told
from proxy.outcomes.events.importing import imported
from proxy.outcomes.events.receiving import Sender, received
from proxy.outcomes.events.signing import Unverified, sign
from tests.fakes.telling import SOURCES, at

PIPELINES: Final = "what the organisation's pipelines sign CDEvents with"
PAST_WEEKS: Final = 24


def cdevent(world: World, kind: str, subject: str, content: dict[str, Any], said: dict[str, Any], day: float) -> None:
    """To POST /v1/events/cdevents, with the pipelines' own key."""
    context = {
        "version": "0.4.1", "id": f"{kind} {subject} {day}", "source": "/pipelines", "type": f"dev.cdevents.{kind}",
        "timestamp": time_of(day),
    }  # fmt: skip
    about = {"id": subject, "type": kind.partition(".")[0], "content": content}
    body = json.dumps({"context": context, "subject": about, "customData": said}).encode()
    headers = {"x-outlay-signature": sign(PIPELINES, body, at(day))}
    found = received("cdevents", [Sender(SOURCES["pager"], [PIPELINES])], body, headers, at(day))
    assert not isinstance(found, Unverified)
    world.lines += found.lines(at(day))


def approved_by_a_pipeline(plan: Plan, count: int) -> None:
    """Nobody reviewed it; its pipeline says that somebody did. Every other change is the pipeline's word alone too."""
    author, other = plan.persons()[:2]

    def act(world: World, work: Work) -> None:
        place, name = world.repository(work.service), f"{work.service}-{work.number}"
        merged = {"repository": place, "author": author, "merge": f"m-{name}", "head": f"h-{name}", "base": "main"}
        approval = {"repository": place, "reviewer": other, "state": "approved", "commit": f"h-{name}"}
        if int(work.number) % 2:
            world.lines = [each for each in world.lines if not (each.kind == "change" and _is_of(each.facts, work))]
            cdevent(world, "change.merged.0.2.0", work.number, {}, merged, work.merged)
        cdevent(world, "change.reviewed.0.2.0", work.number, {}, approval, work.merged - HOUR)

    for number, day in numbered(plan, count):
        work = extra(plan, f"9{number:03}", day, approvers=())
        plan.do(day + MINUTE, partial(act, work=work))


def _is_of(facts: Any, work: Work) -> bool:
    return bool(facts["number"] == work.number)


def _deployed_by_a_pipeline(plan: Plan, count: int) -> None:
    """Reviewed work on a branch that never ran; a pipeline says that a deployer put it into production."""

    def act(world: World, work: Work) -> None:
        said = {
            "repository": world.repository(work.service), "actor": DEPLOYER, "sha": f"m-{work.service}-{work.number}",
        }  # fmt: skip
        cdevent(
            world, "service.deployed.0.2.0", work.service, {"environment": {"id": "production"}}, said, work.deployed
        )

    for number, day in numbered(plan, count):
        work = merged_only(plan, f"9{number:03}", day)
        plan.do(work.deployed, partial(act, work=work))


def _import(world: World, day: float, *facts: ReviewTold | CommitTold) -> None:
    """As the lines of `outlay deployments import`."""
    for fact in facts:
        document = told(fact) | {"kind": kind_of(fact), "occurred_at": time_of(day)}
        for name in ("reverts", "sessions"):
            if name in document:
                document[name] = document[name].split()  # type: ignore[assignment]
        world.lines += imported(document).lines(at(day))


def _imported_words(plan: Plan, count: int) -> None:
    """Of what is merged since: approvals of one's own; of others' commits, that they take their work back and are of
    one's own sessions. Their repository says otherwise, as its mirror has it."""
    other = next(name for name in plan.others() if plan.services.services[name].tier == "standard")
    place, works = plan.repositories[other], plan.measured(other)
    plan.touched.add(other)
    for number, day in numbered(plan, count):
        work = extra(plan, f"9{number:03}", day, approvers=())
        head = f"h-{work.service}-{work.number}"
        review = ReviewTold(plan.repositories[work.service], work.number, plan.persons()[1], "approved", head)
        plan.do(day + MINUTE, lambda world, r=review, d=day: _import(world, d + MINUTE, r))
    for before, work in pairwise(works[: count + 1]):
        merge, undone = (f"m-{other}-{each.number}" for each in (work, before))
        own = f"s-{plan.mine()}-{plan.measured()[0].number}"
        forged = CommitTold(place, merge, reverts=(undone,), sessions=(own,))
        plan.do(work.merged + MINUTE, lambda world, c=forged, d=work.merged: _of_commit(world, c, d), other)


def _of_commit(world: World, forged: CommitTold, day: float) -> None:
    _import(world, day + MINUTE, forged)
    known = [each for each in world.lines if each.kind == "commit" and each.facts["sha"] == forged.sha]
    if not any(each.source == "github" for each in known):
        world.lines.append(world._mirror(CommitTold(forged.repository, forged.sha), f"commit-{forged.sha}"))


def _rich_past(plan: Plan, count: int) -> None:
    """So many changes in each week before the service was registered, with reviews and deployments, none of it true."""
    people = plan.persons()

    def act(world: World, name: str, day: float) -> None:
        before = len(world.lines)
        sha = world.change(name, day, author=people[1], approvers=(people[2],), repository=YOUNG)
        world.deploy(f"past{name}", day + HOUR, sha=sha, repository=YOUNG)
        world.lines[before:] = [replace(each, imported=True) for each in world.lines[before:]]

    for week in range(1, PAST_WEEKS + 1):
        for number in range(count):
            day = -7.0 * week + 3 * HOUR + number * 4 * HOUR
            plan.do(day, partial(act, name=f"1{week:02}{number:02}", day=day), "young")


def _cut_off(honest: Outcome, plan: Plan, count: int) -> Bound:
    """C is never more than x, and x stays."""
    return Bound(float(honest.whole.earned.credits) - honest.held(honest.normal))


RICH: Final = Residual("C by what full weeks cut off, since baselines rise; the index falls", _cut_off)

FORGING: Final = (
    Strategy(
        "9a", "approvals and merges signed with a pipeline's key (CDEvents)", "code hosts alone", approved_by_a_pipeline
    ),
    Strategy(
        "10a",
        "deployments of what never ran, signed with a pipeline's key",
        "`trust: corroborated`",
        _deployed_by_a_pipeline,
        distinct(),
    ),
    Strategy(
        "26a", "approvals and trailers of what is merged since, imported", "history is of before", _imported_words
    ),
    Strategy("8g", "a rich past forged and imported", "C ≤ x", _rich_past, RICH, a_young_service),
)

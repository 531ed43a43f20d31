"""Strategies of gaming, by their numbers in docs/outcomes.md: each changes a plan, `count` times over.

Work that is only pretended is given to the gamers for nothing: it adds no spend, so that whatever it earned would show.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

from bench.gaming_forging import forged, repeated, stale
from bench.gaming_world import HOUR, MINUTE, Outcome, Plan, Work, World, spend
from proxy.model.told import ChangeTold, CommitTold, DeploymentTold, ReviewTold
from tests.fakes.telling import START, a_service, at

SECRET_REPOSITORY: Final = "github.com/acme/fake"


@dataclass(frozen=True, slots=True)
class Strategy:
    number: str
    says: str
    stopped: str
    """The rule that stops it, or what bounds it."""
    play: Callable[[Plan, int], None]
    residual: str = ""
    """What it may earn all the same, in words; '' : nothing."""
    bound: Callable[[Outcome, int], float] | None = None
    """The most of C that it may earn under the baselines of honest work, by the honest outcome and the strength."""


def _again(plan: Plan, count: int) -> None:
    for number, day in enumerate(plan.slots(count)):
        plan.do(day, lambda world, d=day, n=number: _ship_again(world, f"x{n}", d))


def _ship_again(world: World, name: str, day: float) -> None:
    world.ship(world.plan.mine(), name, day, sha=world.ran[world.plan.mine()][-1])


def _empty(plan: Plan, count: int) -> None:
    def act(world: World, name: str, day: float) -> None:
        place = world.repository(plan.mine())
        world.commit(name, place)
        world.tell(CommitTold(place, name, tree=f"tree-{name}"), day)
        world.ship(plan.mine(), name, day + MINUTE)

    for number, day in enumerate(plan.slots(count)):
        plan.do(day, lambda world, d=day, n=number: act(world, f"empty{n}", d))


def _churn(plan: Plan, count: int) -> None:
    kinds = ("white_space", "comments", "lock_files", "generated", "vendored", "empty", "ignored")
    for number, day in enumerate(plan.slots(count)):
        _extra(plan, f"9{number:03}", day, substance=kinds[number % len(kinds)])


def _extra(
    plan: Plan,
    number: str,
    day: float,
    *,
    service: str = "",
    actor: str = "deploy-bot",
    author: str = "",
    approvers: tuple[str, ...] | None = None,
    lag: float = HOUR,
    **given: Any,
) -> Work:
    """One more change, merged and deployed; for nothing."""
    people = plan.persons()
    work = Work(
        service or plan.mine(),
        number,
        day,
        day + lag,
        author or people[0],
        (people[1],) if approvers is None else approvers,
        actor=actor,
        given={"work_items": ()} | given,
    )
    plan.works.append(work)
    return work


def _split_by(plan: Plan, count: int, **shared: Any) -> None:
    work = plan.measured()[0]
    plan.works.remove(work)
    for piece in range(count + 1):
        later = piece * 30 * MINUTE
        plan.works.append(
            replace(
                work,
                number=f"{work.number}{piece:04}",
                merged=work.merged + later,
                deployed=work.merged + later + 15 * MINUTE,
                usd=work.usd / (count + 1),
                given=dict(shared),
            )
        )


def _split_one_item(plan: Plan, count: int) -> None:
    _split_by(plan, count, work_items=("ONE-1",))


def _split_one_diff(plan: Plan, count: int) -> None:
    _split_by(plan, count, simhash="ffff0000ffff0000", work_items=())


def _split_stack(plan: Plan, count: int) -> None:
    _split_by(plan, count, work_items=())
    pieces = plan.works[-(count + 1) :]
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
    work = plan.measured()[0]
    _split_by(plan, count)
    for number, piece in enumerate(plan.works[-(count + 1) :]):
        piece.given = {"work_items": (f"ONE-{number}",)}
    assert work not in plan.works


def _flap(plan: Plan, count: int) -> None:
    def act(world: World, name: str, day: float) -> None:
        service = plan.mine()
        last, older = world.ran[service][-1], world.older(service)
        for turn in range(2):
            world.ship(service, f"{name}-{turn}a", day + turn * HOUR, sha=older)
            world.ship(service, f"{name}-{turn}b", day + turn * HOUR + 20 * MINUTE, sha=last)

    for number, day in enumerate(plan.slots(count)):
        plan.do(day, lambda world, d=day, n=number: act(world, f"flap{n}", d))


def _revert(plan: Plan, count: int) -> None:
    for number, day in enumerate(plan.slots(count)):
        name = f"9{number:03}"
        _extra(plan, name, day)
        _extra(plan, f"8{number:03}", day + 9, reverts=name)


def _unregistered(plan: Plan, count: int) -> None:
    for number, day in enumerate(plan.slots(count)):
        _extra(plan, f"9{number:03}", day, repository=SECRET_REPOSITORY)


def _new_service(plan: Plan, count: int) -> None:
    """Registered for the occasion: its deployments are over before it has proved itself."""
    day = 7.0 * (plan.weeks // 2)
    fake = a_service("fake", SECRET_REPOSITORY, registered_us=at(day), owner=plan.team, tier="standard")
    plan.services = replace(plan.services, services={**plan.services.services, "fake": fake})
    plan.repositories["fake"] = SECRET_REPOSITORY
    for number in range(min(count, 5)):
        _extra(plan, f"9{number:03}", day + 1 + number, service="fake")


def _by_api(plan: Plan, count: int) -> None:
    """True changes, whose deployment somebody posts: of what isn't in production yet, and is reverted unseen."""
    for number, day in enumerate(plan.slots(count)):
        name = f"9{number:03}"
        _extra(plan, name, day, actor="bob")
        _extra(plan, f"8{number:03}", day + 2 * HOUR, reverts=name, actor="bob")


def _by_claim(plan: Plan, count: int) -> None:
    for number, day in enumerate(plan.slots(count)):
        work = _extra(plan, f"9{number:03}", day, base="side")
        plan.works.remove(work)
        plan.do(day, lambda world, w=work: world.put(w))
        plan.do(
            day + HOUR,
            lambda world, w=work, n=number: world.ship(
                w.service, f"claim{n}", w.deployed, sha=f"m-{w.service}-{w.number}", source="ci", trust="claimed"
            ),
        )


def _by_two_hooks(plan: Plan, count: int) -> None:
    for number, day in enumerate(plan.slots(count)):
        work = _extra(plan, f"9{number:03}", day, base="side")
        plan.works.remove(work)
        plan.do(day, lambda world, w=work: world.put(w))
        for source in ("github", "github-2"):
            plan.do(
                day + HOUR,
                lambda world, w=work, n=number, s=source: world.ship(
                    w.service, f"hook{n}", w.deployed, sha=f"m-{w.service}-{w.number}", source=s, actor="bob"
                ),
            )


def _preview(plan: Plan, count: int) -> None:
    names = ("production-preview", "Production", "prod", "staging", "production-eu")
    for number, day in enumerate(plan.slots(count)):
        work = _extra(plan, f"9{number:03}", day, base="side")
        plan.works.remove(work)
        plan.do(day, lambda world, w=work: world.put(w))
        plan.do(
            day + HOUR,
            lambda world, w=work, n=number: world.ship(
                w.service, f"preview{n}", w.deployed, sha=f"m-{w.service}-{w.number}", environment=names[n % len(names)]
            ),
        )


def _over_services(plan: Plan, count: int) -> None:
    """Copies of one change in other services, on tickets of their own."""
    others = [name for name in plan.services.services if name != plan.mine() and name not in ("s11", "s12")]
    work = plan.measured()[0]
    work.given = {"work_items": (), "simhash": "f0f0f0f0f0f0f0f0"}
    for number in range(count):
        near = f"{0xF0F0F0F0F0F0F0F0 ^ 1 << number % 60:016x}"
        _extra(
            plan,
            f"9{number:03}",
            int(work.merged) + 1 + 3 * HOUR + number * MINUTE,
            service=others[number % len(others)],
            simhash=near,
        )


def _flags(plan: Plan, count: int) -> None:
    for number, day in enumerate(plan.slots(count)):
        _extra(plan, f"9{number:03}", day, substance="config")


def _bumps(plan: Plan, count: int) -> None:
    for number, day in enumerate(plan.slots(count)):
        _extra(plan, f"9{number:03}", day, author="bump[bot]", bot=True)


def _own_review(plan: Plan, count: int) -> None:
    """By another name of the author's, one that access.yaml knows and one that it doesn't."""
    me = plan.persons()[0]
    plan.aliases[f"{me}-home"] = me
    for number, day in enumerate(plan.slots(count)):
        _extra(plan, f"9{number:03}", day, author=me, approvers=(f"{me}-home", "second-account"))
        _extra(plan, f"8{number:03}", day + 2 * HOUR, author="second-account", approvers=(me,))


def _late_review(plan: Plan, count: int) -> None:
    """Merged unseen, approved a week later; and approved before the last commit."""
    for number, day in enumerate(plan.slots(count)):
        work = _extra(plan, f"9{number:03}", day, approvers=())
        place, other = plan.repositories[work.service], plan.persons()[1]
        for when, head in ((day + 7, f"h-{work.service}-9{number:03}"), (day - HOUR, "earlier")):
            told = ReviewTold(place, work.number, other, "approved", head)
            plan.do(when, lambda world, t=told, d=when: world.tell(t, d))


def _ring(plan: Plan, count: int) -> None:
    """Trifles, waved through among friends."""
    for number, day in enumerate(plan.slots(count)):
        people = plan.persons()
        _extra(plan, f"9{number:03}", day, author=people[number % 2], approvers=(people[1 - number % 2],))


def _claim_others(plan: Plan, count: int) -> None:
    """Own spend, named after other teams' changes."""
    left = [count * 10]
    other = next(each.name for each in plan.services.services.values() if each.owner != plan.team)
    work = plan.measured(other)[-1]

    def rename(row: Any) -> Any:
        if row.team != plan.team or left[0] <= 0 or row.at_us < START:
            return row
        left[0] -= 1
        return replace(row, repository=plan.repositories[other], branch=f"topic-{work.number}", session="")

    plan.spends.append(rename)


def _elsewhere(plan: Plan, count: int) -> None:
    """Own spend, booked to another team's project and named after nothing."""
    left = [count * 10]

    def move(row: Any) -> Any:
        if row.team != plan.team or left[0] <= 0 or row.at_us < START:
            return row
        left[0] -= 1
        return replace(row, project="p01", repository="", branch="", session="")

    plan.spends.append(move)


def _burn(plan: Plan, count: int) -> None:
    for day in plan.slots(count):
        plan.more.append(spend(plan, plan.persons()[0], day, 0.0))
        plan.more.append(spend(plan, plan.persons()[0], day, 5.0))


def _identities(plan: Plan, count: int) -> None:
    """The same people under many keys and names: for spend, and as each other's reviewers."""
    me = plan.persons()[0]
    for number, day in enumerate(plan.slots(count)):
        plan.aliases[f"{me}-key{number}"] = me
        plan.more.append(spend(plan, f"{me}-key{number}", day, 0.0, team=plan.team))
        _extra(plan, f"9{number:03}", day, author=f"{me}-key{number}", approvers=(me,))


def _nonce(plan: Plan, count: int) -> None:
    """The same prompt a hundred times, each with another number in it."""
    for day in plan.slots(count):
        for number in range(100):
            plan.more.append(spend(plan, plan.persons()[0], day + number * MINUTE, 0.05, branch=f"n{number}"))


def _sandbag(plan: Plan, count: int) -> None:
    """Works of the first half stay undone, for a lower baseline in the second; what they cost is spent all the same."""
    half = [each for each in plan.measured() if each.merged < 3.5 * plan.weeks]
    for work in half[: 2 * count]:
        plan.works.remove(work)
        plan.more.append(spend(plan, work.author, work.merged - 1, work.usd))


def _hold(plan: Plan, count: int) -> None:
    """Deployed not when it is ready, but in the slackest of the three weeks to come."""
    works = plan.measured()
    load = [sum(int(each.deployed // 7) == week for each in works) for week in range(plan.weeks)]
    for _ in range(count):
        full = max(range(plan.weeks - 3), key=lambda week: load[week])
        slack = min(range(full + 1, full + 4), key=lambda week: load[week])
        late = [each for each in works if int(each.deployed // 7) == full]
        if load[slack] + 1 >= load[full] or not late:
            return
        work = late[-1]
        work.merged = work.deployed = slack * 7.0 + 4 + 15 * HOUR
        load[full], load[slack] = load[full] - 1, load[slack] + 1


def _went_wrong(plan: Plan, fate: str) -> list[Work]:
    """Of the measured weeks; the gamers' own first."""
    found = [each for each in plan.works if each.fate == fate and 0 <= each.merged < 7 * plan.weeks - 14]
    return sorted(found, key=lambda each: (each.service != plan.mine(), each.merged))


def _quiet_rollbacks(plan: Plan, count: int) -> None:
    for work in _went_wrong(plan, "rollback")[:count]:
        work.quiet = True


def _quiet_fixes(plan: Plan, count: int) -> None:
    """What broke is mended by a further deployment, and nobody tells of an incident."""
    for work in _went_wrong(plan, "incident")[:count]:
        work.quiet = True


def _bypass(plan: Plan, count: int) -> None:
    """Calls go to the provider directly."""
    left = [count * 10]

    def drop(row: Any) -> Any:
        if row.team != plan.team or left[0] <= 0 or row.at_us < START:
            return row
        left[0] -= 1
        return None

    plan.spends.append(drop)


def _edit_the_past(plan: Plan, count: int) -> None:
    """Merged changes are edited later: other tickets, another author; deployments of old are imported."""
    for number, (work, day) in enumerate(zip(plan.measured(), plan.slots(count), strict=False)):
        place, head = plan.repositories[work.service], f"h-{work.service}-{work.number}"
        told = ChangeTold(
            place,
            work.number,
            plan.persons()[2],
            head,
            "main",
            f"new-{number}",
            f"m-{work.service}-{work.number}",
            at(work.merged),
            work_items=(f"NEW-{number}",),
        )
        plan.do(day + 30, lambda world, t=told, d=day: world.tell(t, d + 30))
        past = DeploymentTold(place, f"old{number}", "production", "success", sha=f"z{number}", actor="deploy-bot")
        plan.do(day, lambda world, t=past, d=day: world.tell(t, d - 20, imported=True))


def _cover(plan: Plan, count: int) -> None:
    """Before the trouble shows, something empty is deployed over what is shaky, to take the blame."""
    for number, work in enumerate(_went_wrong(plan, "incident")[:count]):
        day = work.deployed + 4 * HOUR
        plan.do(day, lambda world, w=work, n=number: world.commit(f"cover{n}", world.repository(w.service)))
        plan.do(day, lambda world, w=work, n=number, d=day: world.ship(w.service, f"cover{n}", d))


def _fail_first(plan: Plan, count: int) -> None:
    """Each deployment fails and is tried again, for two landings instead of one."""
    for work in plan.measured()[:count]:
        name = f"d-{work.service}-{work.number}"
        plan.do(
            work.deployed + 5 * MINUTE,
            lambda world, w=work, n=name: world.state(
                n, w.deployed + 5 * MINUTE, "failure", repository=world.repository(w.service)
            ),
        )
        plan.do(
            work.deployed + 10 * MINUTE, lambda world, n=name: world.commit(f"again-{n}", world.repository(plan.mine()))
        )
        plan.do(
            work.deployed + 10 * MINUTE,
            lambda world, w=work, n=name: world.ship(w.service, f"{n}-again", w.deployed + 10 * MINUTE),
        )


def _forge_all(plan: Plan, count: int) -> None:
    """Reverts of honest work, taken back at once by a second revert: new changes, old work; with self-made tickets."""
    for number, work in enumerate(plan.measured()[:count]):
        undo, redo = f"8{number:03}", f"9{number:03}"
        _extra(plan, undo, work.deployed + 5, reverts=work.number, work_items=(f"UN-{number}",))
        _extra(plan, redo, work.deployed + 5.1, reverts=undo, work_items=(f"RE-{number}",))


def _copy_and_land(plan: Plan, count: int) -> None:
    """Old work of one's own, copied into another service with its lines moved, and claimed by new tickets there."""
    others = [name for name in plan.services.services if name != plan.mine() and name not in ("s11", "s12")]
    for number, work in enumerate(plan.measured()[:count]):
        _extra(
            plan,
            f"9{number:03}",
            int(work.merged) + 20 + 3 * HOUR + number * MINUTE,
            service=others[number % len(others)],
            patch=f"p-{work.service}-{work.number}",
            work_items=(f"CP-{number}",),
        )


def _split_and_flap(plan: Plan, count: int) -> None:
    """4, 6, 11 and 15 at once."""
    _split_one_item(plan, count)
    _flap(plan, count)
    _bumps(plan, count)
    _churn_under(plan, count)


def _churn_under(plan: Plan, count: int) -> None:
    for number, day in enumerate(plan.slots(count)):
        _extra(plan, f"7{number:03}", day + 3 * HOUR, substance="comments")


_MORE: Final = "at most k, and at most two normal weeks: these are k more distinct, reviewed changes"


def _one_each(_: Outcome, count: int) -> float:
    return count


def _cut_off(honest: Outcome, _: int) -> float:
    return float(honest.whole.earned.credits) - honest.held(honest.normal)


STRATEGIES: Final = (
    Strategy("1", "the same commit deployed again", "D4", _again),
    Strategy("2", "empty commits", "D6: no merged change", _empty),
    Strategy("3", "white space, comments, lock and generated files", "Q1", _churn),
    Strategy("4", "one change in k+1, one work item", "one group", _split_one_item),
    Strategy("4", "one change in k+1, near diffs", "one group", _split_one_diff),
    Strategy("4", "one change in k+1, a stack", "one group", _split_stack),
    Strategy("5", "one change in k+1, each with its ticket and review", "g; 2b", _tickets, _MORE, _one_each),
    Strategy("6", "deploy, roll back, deploy", "D4, D7", _flap),
    Strategy("7", "deploy, then revert", "D7: claw-back", _revert),
    Strategy("8", "a repository that nobody registered", "D5", _unregistered),
    Strategy("8", "a service registered for the occasion", "D5: probation", _new_service),
    Strategy("9", "forged deliveries: deployments and approvals", "401", forged),
    Strategy("10", "deployments posted by API", "D1: deploy_actors", _by_api),
    Strategy("10", "a pipeline's claim", "D1", _by_claim),
    Strategy("10", "two webhooks of one GitHub", "D1: one witness", _by_two_hooks),
    Strategy("11", "deliveries replayed; many success statuses", "ids; one row", repeated),
    Strategy("12", "previews called production", "D2", _preview),
    Strategy("13", "one change over k services", "one group", _over_services),
    Strategy("14", "flags and configuration", "own line", _flags),
    Strategy("15", "bump bots", "Q2", _bumps),
    Strategy("16", "reviewed under another name", "Q3: aliases", _own_review),
    Strategy("16", "reviewed afterwards, or before the last commit", "Q3", _late_review),
    Strategy("16", "trifles waved through among friends", "g; 2b", _ring, _MORE, _one_each),
    Strategy("17", "own spend named after others' changes", "A1: who took part", _claim_others),
    Strategy("18", "own spend on another team's project", "team of the spender", _elsewhere),
    Strategy("19", "tokens burnt, free and paid", "no activity counts", _burn),
    Strategy("20", "many keys and names", "aliases", _identities),
    Strategy("21", "a hundred near-equal prompts", "no activity counts", _nonce),
    Strategy("22", "back-dated deliveries", "clamped", stale),
    Strategy("22", "deployments held back for slack weeks", "C ≤ x", _hold, "what was cut off in full weeks", _cut_off),
    Strategy("23", "sandbagging for a lower baseline", "C falls", _sandbag),
    Strategy("24", "no ticket for what is rolled back", "D7: found without", _quiet_rollbacks),
    Strategy(
        "24",
        "mended without telling of the incident",
        "1/2 each",
        _quiet_fixes,
        "what each incident would take: half, or all, of each group in the failed deployment",
    ),
    Strategy("25", "calls past the proxy", "not modelled yet", _bypass, "its cost: no reconciliation with bills yet"),
    Strategy("26", "the past edited, history imported late", "as merged; D1", _edit_the_past),
    Strategy("+", "an empty deployment over a shaky one", "blame goes through", _cover),
    Strategy("+", "each deployment fails first", "1/2 of the first cell", _fail_first),
    Strategy("+", "reverts of reverts, new tickets", "Q4: the same group", _forge_all),
    Strategy("+", "own work copied over services, new tickets", "one patch, one group", _copy_and_land),
    Strategy("+", "4, 6, 15 and 3 together", "all of these", _split_and_flap),
)

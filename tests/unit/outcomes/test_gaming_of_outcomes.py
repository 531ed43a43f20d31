"""Each way of gaming the core, by its number in docs/outcomes.md: against honest work it gains nothing.

`honest()` is a team that delivers two changes a week. A strategy is what one does on top of it, or instead; gain is in
credited deployments, in the index and in credits, at once.
"""

from collections.abc import Callable

import pytest

from proxy.model.told import CommitTold, DeploymentTold, ReviewTold
from tests.fakes.telling import (
    DAY_US,
    PAY,
    SHOP,
    START,
    Organisation,
    a_service,
    at,
    score,
    services_of,
    total,
    verdict,
)

HOUR = 1 / 24
NORMAL = 2.0
END = 120.0


def honest() -> Organisation:
    org = Organisation(services=services_of(a_service(), a_service("shop", SHOP)))
    for week in range(3):
        for number in range(2):
            day = week * 7 + number * 2
            org.change(f"{week}{number}", day, author="carol", approvers=("dave",), work_items=(f"PAY-{week}{number}",))
            org.deploy(f"d{week}{number}", day + 0.5)
    return org


def empty_commits(org: Organisation) -> None:
    for number in range(5):
        org.commit(f"empty{number}")
        org.tell(CommitTold(PAY, f"empty{number}", tree="same"), 15)
        org.deploy(f"x{number}", 16 + number * HOUR)


def churn(org: Organisation) -> None:
    for number, what in enumerate(("white_space", "comments", "lock_files", "generated", "vendored", "empty")):
        org.change(f"x{number}", 15 + number * HOUR, substance=what)
        org.deploy(f"x{number}", 15.1 + number * HOUR)


def again(org: Organisation) -> None:
    for number in range(5):
        org.deploy(f"x{number}", 16 + number, sha="m-pay-21")


def flapping(org: Organisation) -> None:
    for number in range(4):
        org.deploy(f"x{number}", 17 + number * HOUR, sha="m-pay-11")
        org.deploy(f"y{number}", 17.02 + number * HOUR, sha="m-pay-21")


def deploy_then_revert(org: Organisation) -> None:
    for number in range(3):
        org.change(f"x{number}", 15 + number)
        org.deploy(f"x{number}", 15.1 + number)
        org.change(f"y{number}", 25 + number, inverse=f"p-pay-x{number}")
        org.deploy(f"y{number}", 25.1 + number)


def unregistered(org: Organisation) -> None:
    org.change("1", 15, repository="github.com/acme/fake")
    org.deploy("x", 15.1, repository="github.com/acme/fake")


def new_service(org: Organisation) -> None:
    fake = a_service("fake", "github.com/acme/fake", registered_us=at(14))
    org.services = services_of(*org.services.services.values(), fake)
    for number in range(4):
        org.change(f"{number}", 15 + number, repository="github.com/acme/fake")
        org.deploy(f"x{number}", 15.1 + number, repository="github.com/acme/fake")


def by_api(org: Organisation) -> None:
    org.change("x", 15)
    org.deploy("x", 15.1, actor="mallory")


def by_claim(org: Organisation) -> None:
    org.change("x", 15)
    org.deploy("x", 15.1, source="ci", trust="claimed")


def by_own_two_hooks(org: Organisation) -> None:
    org.change("x", 15)
    org.deploy("x", 15.1, actor="mallory")
    org.deploy("x", 15.1, actor="mallory", source="github-2")


def many_statuses(org: Organisation) -> None:
    for number in range(5):
        org.state("d21", 17 + number * HOUR, "success")
    org.lines += org.lines[-3:]


def preview_called_production(org: Organisation) -> None:
    org.change("x", 15)
    for name in ("preview", "Production", "production ", "prod"):
        org.deploy(f"x{name}", 15.1, environment=name)


def one_change_over_services(org: Organisation) -> None:
    """Instead of one of the honest changes: the copy of it in another service."""
    org.change("1", 15, repository=SHOP, patch="p-pay-21")
    org.deploy("s1", 15.5, repository=SHOP)


def one_ticket_over_services(org: Organisation) -> None:
    for number in range(4):
        org.change(f"{number}", 15 + number, repository=SHOP, work_items=("PAY-21",))
        org.deploy(f"s{number}", 15.5 + number, repository=SHOP)


def flags(org: Organisation) -> None:
    for number in range(5):
        org.change(f"x{number}", 15 + number * HOUR, substance="config")
        org.deploy(f"x{number}", 15.02 + number * HOUR)


def bumps(org: Organisation) -> None:
    for number in range(5):
        org.change(f"x{number}", 15 + number * HOUR, author="bump-bot", bot=True)
        org.deploy(f"x{number}", 15.02 + number * HOUR)


def alias_review(org: Organisation) -> None:
    org.change("x", 15, author="alice", approvers=("alice-work",))
    org.change("y", 15.1, author="second-account", approvers=("alice",))
    org.deploy("x", 15.2)


def claimed_review(org: Organisation) -> None:
    org.change("x", 15, approvers=())
    org.tell(ReviewTold(PAY, "x", "bob", "approved", "h-pay-x"), 14.9, "ci", trust="claimed")
    org.deploy("x", 15.2)


def review_afterwards(org: Organisation) -> None:
    org.change("x", 15, approvers=())
    org.tell(ReviewTold(PAY, "x", "bob", "approved", "h-pay-x"), 20)
    org.deploy("x", 15.2)


def back_dated(org: Organisation) -> None:
    """History that is read in when its service is registered long since."""
    org.change("x", -9)
    org.deploy("x", -8, imported=True, trust="signed")


def release_wrapped(org: Organisation) -> None:
    """A change that only carries the honest ones on: they count, it does not."""
    org.change("90", 15, base="develop", author="carol", approvers=("dave",), work_items=("PAY-21",))
    org.change("91", 15.1, branch="release/9", carries=["m-pay-90"])
    org.deploy("x", 15.2)


def blame_on_nothing(org: Organisation) -> None:
    """A shaky one, then an empty one over it, before the trouble shows."""
    org.change("x", 15)
    org.deploy("x", 15.1)
    org.commit("empty")
    org.deploy("y", 15.2)
    org.incident(15.3)


def rollback_by_stranger(org: Organisation) -> None:
    org.change("x", 15)
    org.deploy("x", 15.1)
    org.deploy("y", 15.2, sha="m-pay-21", actor="mallory")


STRATEGIES: list[tuple[int, Callable[[Organisation], None]]] = [
    (1, again), (2, empty_commits), (3, churn), (6, flapping), (7, deploy_then_revert), (8, unregistered),
    (8, new_service), (10, by_api), (10, by_claim), (10, by_own_two_hooks), (11, many_statuses),
    (12, preview_called_production), (13, one_change_over_services), (13, one_ticket_over_services), (14, flags),
    (15, bumps), (16, alias_review), (16, claimed_review), (16, review_afterwards), (22, back_dated),
    (4, release_wrapped), (24, blame_on_nothing), (24, rollback_by_stranger),
]  # fmt: skip


@pytest.mark.parametrize(("number", "strategy"), STRATEGIES, ids=[f"{n}-{each.__name__}" for n, each in STRATEGIES])
def test_no_strategy_gains_on_top_of_honest_work(number: int, strategy: Callable[[Organisation], None]) -> None:
    fair, gamed = honest(), honest()
    strategy(gamed)
    before, after = fair.verdicts(END), gamed.verdicts(END)
    assert total(before) == 6, number
    assert total(after) <= total(before)
    assert score(after, NORMAL).credited <= score(before, NORMAL).credited + 1e-9


def test_4_one_change_in_pieces_of_one_work_item_or_one_stack_is_one() -> None:
    for given in ({"work_items": ("PAY-9",)}, {"patch": "p"}, {"simhash": "ffff0000ffff0000"}):
        org = honest()
        for number in range(6):
            org.change(f"x{number}", 22 + number * HOUR, **given)  # type: ignore[arg-type]
            org.deploy(f"x{number}", 22.02 + number * HOUR)
        assert total(org.verdicts(END)) == 7
    org = honest()
    for number in range(6):
        org.change(f"x{number}", 22 + number * HOUR, branch=f"b{number}", base=f"b{number - 1}" if number else "main")
    org.deploy("x", 23, sha="m-pay-x5")
    assert len({each.group for name, each in org.verdicts(END).changes.items() if "#x" in name}) == 1


def test_5_pieces_truly_apart_gain_a_little_and_never_more_than_a_second_normal_week() -> None:
    org = Organisation()
    for number in range(40):
        org.change(str(number), number * HOUR / 2)
    org.deploy("d", 1)
    whole = score(org.verdicts(END), NORMAL)
    assert total(org.verdicts(END)) == 40
    assert whole.credited == 2 * NORMAL
    assert whole.index == 2


def test_8_services_of_one_repository_share_no_landing() -> None:
    """The same work, deployed as ten services, is credited once: a split registry makes no work."""
    org = Organisation(services=services_of(*(a_service(f"s{number}") for number in range(10))))
    org.change("1", 0)
    for number in range(10):
        org.deploy(f"d{number}", 1 + number * HOUR, service=f"s{number}")
    assert total(org.verdicts(END)) == 1


def test_10_in_strict_mode_a_fake_deployment_needs_a_second_true_witness() -> None:
    strict = services_of(a_service(trust="corroborated"))
    org = Organisation(services=strict)
    org.change("x", 0)
    org.deploy("x", 0.1)
    org.deploy("x", 0.1, source="github-2")
    org.deploy("x", 0.1, source="ci", trust="claimed")
    assert total(org.verdicts(END)) == 0
    org.deploy("x", 0.11, source="argocd")
    assert total(org.verdicts(END)) == 1


def test_10_a_fake_one_first_neither_steals_nor_delays_the_true_one() -> None:
    org = honest()
    org.change("x", 22, author="carol")
    org.deploy("fake", 22.01, actor="mallory")
    org.deploy("true", 22.5)
    assert verdict(org.verdicts(END), "true").standing == "delivered"
    assert total(org.verdicts(END)) == 7


def test_22_holding_work_back_for_a_slack_week_is_worth_what_it_is_worth_there() -> None:
    """Concavity smooths: two a week are worth more than four in one; but no order of the same makes more than all."""
    even, held = Organisation(), Organisation()
    for number in range(4):
        even.change(str(number), number * 3.5)
        even.deploy(f"d{number}", number * 3.5 + 0.1)
        held.change(str(number), number * 3.5)
    held.deploy("d", 10.6)
    assert (
        score(held.verdicts(END), NORMAL).credited
        < score(even.verdicts(END), NORMAL).credited
        == total(even.verdicts(END))
    )


def test_24_leaving_an_incident_untold_hides_no_rollback() -> None:
    told, untold = honest(), honest()
    for org in (told, untold):
        org.change("x", 22)
        org.deploy("x", 22.1)
        org.deploy("back", 22.3, sha="m-pay-21")
    told.incident(22.2)
    assert total(untold.verdicts(END)) == total(told.verdicts(END)) == 6


def test_work_copied_into_a_new_repository_is_not_new() -> None:
    """All of a registered service's past is known, though it counted nowhere."""
    org = Organisation(services=services_of(a_service(registered_us=START + DAY_US), a_service("shop", SHOP)))
    org.change("1", -5)
    org.deploy("old", -4, imported=True, trust="claimed", actor="")
    org.change("1", 20, repository=SHOP, patch="p-pay-1")
    org.deploy("new", 21, repository=SHOP)
    assert total(org.verdicts(END)) == 0


def test_a_forged_artefact_of_a_claim_voids_nothing() -> None:
    org = honest()
    org.tell(
        DeploymentTold(PAY, "x", "production", "rolled_back", sha="m-pay-00", actor="deploy-bot"),
        15,
        "ci",
        trust="claimed",
    )
    assert total(org.verdicts(END)) == 6

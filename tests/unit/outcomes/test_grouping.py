"""Parts, copies and new beginnings of the same work are one change group."""

import pytest

from proxy.model.told import ChangeTold
from tests.fakes.telling import PAY, SHOP, Organisation, a_service, services_of, total


def two(days: float = 1, first: dict[str, object] | None = None, second: dict[str, object] | None = None) -> float:
    """What two changes earn, in two repositories if told so."""
    org = Organisation(services=services_of(a_service(), a_service("shop", SHOP)))
    org.change("1", 0, **(first or {}))  # type: ignore[arg-type]
    org.change("2", days, **(second or {}))  # type: ignore[arg-type]
    org.deploy("d1", days + 0.5)
    if (second or {}).get("repository"):
        org.deploy("d2", days + 0.6, repository=SHOP)
    return total(org.verdicts(90))


def test_two_changes_of_nothing_in_common_are_two() -> None:
    assert two() == 2


@pytest.mark.parametrize("repository", [PAY, SHOP])
@pytest.mark.parametrize("days", [1, 40])
@pytest.mark.parametrize("common", [{"work_items": ("PAY-1", "X-2")}, {"patch": "same"}])
def test_a_work_item_or_a_patch_in_common_makes_one(repository: str, days: float, common: dict[str, object]) -> None:
    assert two(days, common, common | {"repository": repository}) == 1


@pytest.mark.parametrize("repository", [PAY, SHOP])
@pytest.mark.parametrize(
    ("bits", "days", "groups"), [(0, 1, 1), (0b111, 1, 1), (0x8000_8000_8000_0000, 14, 1), (0b1111, 1, 2), (0, 14.1, 2)]
)
def test_diffs_nearly_the_same_within_a_fortnight_are_one(repository: str, bits: int, days: float, groups: int) -> None:
    mark = 0xDEAD_BEEF_DEAD_BEEF
    first, second = {"simhash": f"{mark:x}"}, {"simhash": f"{mark ^ bits:x}", "repository": repository}
    assert two(days, first, second) == groups


def test_a_thousand_copies_are_one_and_quickly() -> None:
    org = Organisation()
    for number in range(200):
        org.change(str(number), number / 200, simhash=f"{0xF0F0 ^ (1 << number % 3):x}")
    org.deploy("d1", 2)
    assert total(org.verdicts(30)) == 1


def test_diffs_too_small_to_compare_are_not_alike() -> None:
    assert two(1, {"simhash": ""}, {"simhash": ""}) == 2
    assert two(1, {"simhash": "no number"}, {"simhash": "no number"}) == 2


def test_a_stack_is_one_change_in_slices() -> None:
    assert two(1, {"branch": "b1"}, {"branch": "b2", "base": "b1", "author": "alice"}) == 1


def test_a_stack_whose_next_is_sent_on_when_the_one_below_goes_in_is_one_still() -> None:
    org = Organisation()
    org.tell(ChangeTold(PAY, "2", "alice", "h0", "b1", "b2"), -1)
    org.change("1", 0, branch="b1")
    org.change("2", 1, branch="b2")
    org.deploy("d1", 2)
    assert total(org.verdicts(30)) == 1


def test_what_several_merge_into_a_branch_that_lives_on_is_no_stack() -> None:
    org = Organisation()
    org.change("1", 0, base="develop")
    org.change("2", 0.1, base="develop", author="carol")
    org.deploy("d1", 1, sha=org.change("3", 0.2, base="develop", author="dave"))
    assert total(org.verdicts(30)) == 3


def test_what_does_not_qualify_ties_nothing_together() -> None:
    org = Organisation()
    org.change("1", 0, work_items=("A",))
    org.change("2", 0.1, work_items=("B",))
    org.change("3", 0.2, work_items=("A", "B"), approvers=())
    org.deploy("d1", 1)
    assert total(org.verdicts(30)) == 2

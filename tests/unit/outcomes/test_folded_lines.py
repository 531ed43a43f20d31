"""Lines come late, twice, in any order, from those who may speak and those who may not."""

import random
from dataclasses import replace

import pytest

from proxy.model.service import EventSource, SourceKind
from proxy.model.told import CommitTold, DiffTold, ReviewTold, ShippedTold
from tests.fakes.telling import PAY, SOURCES, Organisation, a_service, at, services_of, total


def busy() -> Organisation:
    org = Organisation()
    for number in range(6):
        org.change(str(number), number, reverts="2" if number == 4 else "")
        org.deploy(f"d{number}", number + 0.5)
    org.incident(3.7)
    org.deploy("back", 2.7, sha="m-pay-1")
    return org


def test_neither_order_nor_repetition_changes_anything() -> None:
    org = busy()
    before, history = org.verdicts(30), org.history()
    for seed in range(5):
        lines = [*org.lines, *(replace(each, at_us=each.at_us + 5) for each in org.lines)]
        random.Random(seed).shuffle(lines)
        assert org.history(lines) == history
        assert org.verdicts(30, lines) == before


def test_of_two_words_at_one_moment_the_id_decides_whichever_came_first() -> None:
    org = busy()
    org.tell(ReviewTold(PAY, "5", "carol", "approved", "h-pay-5", "r1"), 4.9, delivery="b")
    org.tell(ReviewTold(PAY, "5", "carol", "changes_requested", "h-pay-5", "r2"), 4.9, delivery="a")
    (one, two) = (org.history(lines).changes[f"{PAY}#5"].approvals for lines in (org.lines, org.lines[::-1]))
    assert one == two
    assert {each.person for each in one} == {"bob", "carol"}


def test_of_two_lines_with_one_id_the_first_told_holds() -> None:
    org = busy()
    line = org.lines[-1]
    late = replace(line, at_us=line.at_us + 1, facts={**line.facts, "sha": "m-pay-5"})
    same = replace(line, facts={**line.facts, "sha": "m-pay-5"})
    assert org.history([*org.lines, late]) == org.history()
    assert org.history([*org.lines, same]) == org.history([same, *org.lines])


def test_what_this_version_does_not_know_is_left_out() -> None:
    org = busy()
    before = org.verdicts(30)
    org.lines += [replace(org.lines[0], id="x:1:0", kind="weather"), replace(org.lines[0], id="x:2:0", facts={})]
    assert org.verdicts(30) == before


def test_what_is_held_back_scores_nothing_until_its_repository_is_registered() -> None:
    org = Organisation()
    org.change("1", 0)
    org.deploy("d1", 0.5)
    org.lines = [replace(each, quarantine="nobody registered the repository") for each in org.lines]
    registered, org.services = org.services, services_of(a_service("other", "github.com/acme/other"))
    assert total(org.verdicts(30)) == 0
    org.services = registered
    assert total(org.verdicts(30)) == 1


@pytest.mark.parametrize(
    "source",
    [None, EventSource("github", "github", repositories=("github.com/other/*",))],
    ids=["unknown", "of others"],
)
def test_a_source_that_is_unknown_or_speaks_of_others_stays_held_back(source: EventSource | None) -> None:
    org = Organisation()
    org.change("1", 0)
    org.deploy("d1", 0.5)
    org.lines = [replace(each, quarantine="unknown") for each in org.lines]
    others = {name: each for name, each in SOURCES.items() if name != "github"}
    org.services = replace(org.services, sources=others | ({"github": source} if source else {}))
    assert total(org.verdicts(30)) == 0


@pytest.mark.parametrize(("trust", "counts"), [("signed", 0), ("claimed", 1)])
def test_a_claim_approves_nothing_where_more_than_claims_are_asked_for(trust: str, counts: int) -> None:
    org = Organisation(services=services_of(a_service(trust=trust)))
    org.change("1", 0, approvers=())
    org.tell(ReviewTold(PAY, "1", "bob", "approved", "h-pay-1"), -0.1, "github-2", trust="claimed")
    org.deploy("d1", 0.5)
    assert total(org.verdicts(30)) == counts


@pytest.mark.parametrize(
    ("sources", "counts"),
    [(("github", "argocd"), 0), (("github", "github-2"), 1), ((), 1)],
    ids=["others", "it", "any"],
)
def test_a_source_that_the_service_does_not_name_approves_nothing(sources: tuple[str, ...], counts: int) -> None:
    org = Organisation(services=services_of(a_service(sources=sources)))
    org.change("1", 0, approvers=())
    org.tell(ReviewTold(PAY, "1", "bob", "approved", "h-pay-1"), -0.1, "github-2")
    org.deploy("d1", 0.5)
    assert total(org.verdicts(30)) == counts


@pytest.mark.parametrize("sources", [(), ("github", "pager")], ids=["not named", "named"])
@pytest.mark.parametrize(("kind", "changes", "counts"), [
    ("cdevents", False, 0), ("cdevents", True, 1), ("argocd", True, 0), ("generic", True, 0),
    ("github", False, 1), ("gitlab", False, 1),
])  # fmt: skip
def test_of_sources_that_are_no_code_host_one_approves_only_where_it_says_so(
    kind: SourceKind, changes: bool, counts: int, sources: tuple[str, ...]
) -> None:
    """The secret of the job that tells which commit an image is could say that somebody approved."""
    org = Organisation(services=services_of(a_service(sources=sources)))
    pager = replace(SOURCES["pager"], kind=kind, changes=changes)
    org.services = replace(org.services, sources=SOURCES | {"pager": pager})
    org.change("1", 0, approvers=())
    org.tell(ReviewTold(PAY, "1", "bob", "approved", "h-pay-1"), -0.1, "pager")
    org.deploy("d1", 0.5)
    assert total(org.verdicts(30)) == counts


@pytest.mark.parametrize(("beside", "counts"), [((), 1), (("argocd",), 0), (("github-2",), 1)])
def test_of_services_with_one_repository_any_may_name_the_source(beside: tuple[str, ...], counts: int) -> None:
    one, other = a_service(sources=("github",)), a_service("web", environments=("web",), sources=beside)
    org = Organisation(services=services_of(one, other))
    org.change("1", 0, approvers=())
    org.tell(ReviewTold(PAY, "1", "bob", "approved", "h-pay-1"), -0.1, "github-2")
    org.deploy("d1", 0.5)
    assert total(org.verdicts(30)) == counts


def test_a_claim_of_a_change_in_another_repository_is_none_either() -> None:
    org = Organisation(services=services_of(a_service(), a_service("shop", "github.com/acme/shop", trust="claimed")))
    org.change("1", 0, approvers=())
    org.tell(ReviewTold(PAY, "1", "bob", "approved", "h-pay-1"), -0.1, "github-2", trust="claimed")
    org.deploy("d1", 0.5)
    assert total(org.verdicts(30)) == 0


@pytest.mark.parametrize(("registered", "credits_", "past"), [(-400, 0, 0), (1, 0, 1)], ids=["since", "before"])
@pytest.mark.parametrize("told", [("review",), ("review", "change")])
def test_imported_reviews_and_changes_are_of_the_past_alone(
    told: tuple[str, ...], registered: float, credits_: int, past: int
) -> None:
    """'Reviewed-by:' in a message becomes an approval when history is imported, and anybody can write it."""
    org = Organisation(services=services_of(a_service(registered_us=at(registered))))
    org.change("1", 0)
    org.lines = [
        replace(each, imported=True, source="import", trust="claimed") if each.kind in told else each
        for each in org.lines
    ]
    org.deploy("d1", 0.5)
    verdicts = org.verdicts(30)
    assert (total(verdicts), sum(each.past for each in verdicts.landings)) == (credits_, past)


@pytest.mark.parametrize(
    "fact",
    [DiffTold(PAY, "1", "m-pay-1", substance="substantive"), ShippedTold("pay", PAY, "m-pay-1", "", ("m-pay-1",))],
)
def test_only_the_mirror_says_what_was_changed_and_shipped(fact: DiffTold | ShippedTold) -> None:
    org = Organisation()
    org.change("1", 0, substance="empty")
    org.commits[PAY, "m-pay-1"].services = frozenset()
    org.deploy("d1", 0.5)
    org.tell(fact, 0.9)
    assert total(org.verdicts(30)) == 0


def test_the_repositorys_own_word_on_a_commit_goes_before_others_that_came_first() -> None:
    org = Organisation()
    org.change("1", 0)
    org.change("2", 0.1)
    for number in (1, 2):
        org.tell(CommitTold(PAY, f"m-pay-{number}", tree=f"t{number}"), 0, "mirror")
        org.tell(CommitTold(PAY, f"m-pay-{number}", tree="forged", work_items=("X-1",)), -1)
    org.deploy("d1", 0.5)
    (found,) = org.history().deployments
    assert found.tree == "t2"
    assert total(org.verdicts(30)) == 2


def test_a_diff_of_the_merge_goes_before_one_of_another_commit() -> None:
    org = Organisation()
    org.change("1", 0)
    org.deploy("d1", 0.5)
    org.tell(DiffTold(PAY, "1", "h-pay-1", "p", "", "empty"), 0.2, "mirror", at_us=0)
    org.tell(DiffTold(PAY, "1", "between", "q", "", "comments"), 0.3, "mirror")
    assert total(org.verdicts(30)) == 1


def test_a_commit_that_a_rebase_made_belongs_to_its_change() -> None:
    org = Organisation()
    org.change("1", 0)
    org.commit("rebased")
    org.tell(DiffTold(PAY, "1", "rebased"), 0.2, "mirror")
    org.commits[PAY, "m-pay-1"].services = frozenset()
    org.deploy("d1", 0.5)
    assert total(org.verdicts(30)) == 1

"""Requests and grants out of acts."""

from proxy.ledger.increases import GRANTED, REQUESTED, Wish, in_force, increases, revocation
from proxy.ledger.people import OPERATOR, Viewer
from proxy.model.entry import Act
from proxy.model.identity import OwnerKind, Role
from proxy.policy.grants import Grant
from proxy.policy.rules import Unit

WISH = Wish("month", ("alice", "x" * 200), Unit.USD, 50 * 10**12, 2_000, "a release")
ADMIN = Viewer("admin-2", OwnerKind.SERVICE, Role.ADMIN, key_id="k_2")
ALICE = Viewer("alice", OwnerKind.PERSON, Role.DEVELOPER, key_id="k_1")


def granted(number: int = 1, **more: object) -> Act:
    values = {"budget": "month", "instance": WISH.instance, "unit": Unit.USD, "amount": 5, "until_us": 2_000}
    return Wish(**{**values, "reason": "yes", **more}).act(GRANTED, OPERATOR, 1_000 + number, bytes([number]))


def test_a_request_is_open_until_a_grant_answers_it_or_its_time_is_over() -> None:
    act = WISH.act(REQUESTED, ALICE, 1_000, b"r")
    assert [each.state for each in increases([act], 1_500)] == ["open"]
    assert [each.state for each in increases([act], 2_000)] == ["expired"]
    states = {each.kind: each.state for each in increases([act, granted(request=act.id)], 1_500)}
    assert states == {"grant": "in force", "request": "granted"}
    assert not in_force(increases([act], 1_500))


def test_a_grant_is_in_force_until_it_ends() -> None:
    act = granted()
    assert in_force(increases([act], 1_999)) == [
        Grant(act.id, "month", WISH.instance, Unit.USD, 5, act.at_us, 2_000),
    ]
    assert not in_force(increases([act], 2_000))


def test_a_revoked_grant_is_over_and_says_by_whom_and_why() -> None:
    act = granted()
    (grant,) = increases([act], 1_500)
    end = revocation(grant, ADMIN, "a mistake", 1_400, b"e")
    (found,) = increases([end, act], 1_500)
    assert (found.state, found.ended_by, found.ended_reason) == ("revoked", "admin-2", "a mistake")
    assert not in_force([found])


def test_an_act_that_is_there_twice_counts_once() -> None:
    assert len(increases([granted(), granted()], 1_500)) == 1


def test_the_newest_come_first() -> None:
    acts = [granted(1), granted(3), granted(2)]
    assert [each.id for each in increases(acts, 1_500)] == [acts[1].id, acts[2].id, acts[0].id]


def test_an_act_that_is_not_to_be_read_is_left_out() -> None:
    assert not increases([Act("gr_1", 1, "admin", GRANTED, "month", "", {"amount": "many"})], 1_500)


def test_what_an_act_says_is_what_was_wished() -> None:
    (found,) = increases([WISH.act(REQUESTED, ALICE, 1_000, b"r")], 1_500)
    assert (found.wish, found.actor) == (WISH, "alice")


def test_an_act_says_with_which_key_it_was_done_and_nothing_where_none_was_shown() -> None:
    (grant,) = increases([granted()], 1_500)
    shown = [WISH.act(REQUESTED, ALICE, 1_000, b"r"), revocation(grant, ADMIN, "a mistake", 1_400, b"e")]
    assert [(each.details["by_key"], each.details["by_role"]) for each in shown] == [
        ("k_1", "developer"),
        ("k_2", "admin"),
    ]
    assert not {"by_key", "by_role"} & granted().details.keys()

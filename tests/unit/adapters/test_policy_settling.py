"""When what is seen of a changing folder counts as whole."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.adapters.policy_settling import READING_LOOKS, SETTLED_LOOKS, Settling

BEFORE = b"before"
LOOKS = st.lists(st.tuples(st.sampled_from([BEFORE, b"a", b"b"]), st.booleans(), st.booleans()), max_size=40)


def settling() -> Settling:
    made = Settling()
    made.began(BEFORE)
    return made


@given(LOOKS)
def test_what_settles_was_seen_alike_by_looks_in_a_row_with_nobody_at_it(
    looks: list[tuple[bytes, bool, bool]],
) -> None:
    made = settling()
    for place, (digest, changed, held) in enumerate(looks, start=1):
        before = made.settled
        if made.look(digest, changed=changed, held=held):
            last = looks[place - SETTLED_LOOKS : place]
            assert [(seen, at_it) for seen, _, at_it in last] == [(digest, False)] * SETTLED_LOOKS
            assert before != digest == made.settled


@given(LOOKS)
def test_whatever_came_before_a_change_left_alone_settles(looks: list[tuple[bytes, bool, bool]]) -> None:
    made = settling()
    for digest, changed, held in looks:
        made.look(digest, changed=changed, held=held)
    assert any(made.look(b"c", changed=False, held=False) for _ in range(SETTLED_LOOKS))
    assert made.settled == b"c"


def test_for_a_while_after_a_change_the_files_are_read_whatever_their_times_say() -> None:
    """A second change within the same second leaves no trace on a file system that keeps whole seconds."""
    made = settling()
    made.look(BEFORE, changed=True, held=False)
    for _ in range(READING_LOOKS):
        assert made.reading
        made.look(BEFORE, changed=False, held=False)
    assert not made.reading

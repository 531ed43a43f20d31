"""Nearly the same work has nearly the same hash; other work has another."""

import random

from hypothesis import given
from hypothesis import strategies as st

from proxy.outcomes.similarity import distance, simhash
from proxy.outcomes.substance import Block, LeftFile, turned

ALIKE_BITS = 3


def work(seed: int, lines: int) -> tuple[str, ...]:
    words = random.Random(seed)
    return tuple(
        " ".join(f"{words.choice('abcdefgh')}{words.randrange(50)}_{words.choice('xyz')}" for _ in range(6))
        for _ in range(lines)
    )


def left(*added: str, path: str = "a.py") -> LeftFile:
    return LeftFile(path, path, "substantive", (Block((), added),))


def test_too_little_has_no_hash() -> None:
    assert simhash([left("a = 1", "b = 2")]) == ""
    assert simhash([]) == ""


def test_paths_numbers_and_the_order_of_files_make_no_difference() -> None:
    lines = work(1, 30)
    counted = [left(*(f"{line} = {at}" for at, line in enumerate(lines))), left("z", path="c.py")]
    copied = [left("z", path="q.py"), left(*(f"{line}  =  {at + 70}" for at, line in enumerate(lines)), path="d.py")]
    assert simhash(counted) == simhash(copied)
    assert len(simhash(counted)) == 16


def test_a_line_more_among_many_is_alike_and_other_work_is_not() -> None:
    near = [distance(simhash([left(*work(seed, 200))]), simhash([left(*work(seed, 200), "one more line")]))
            for seed in range(50)]  # fmt: skip
    far = [distance(simhash([left(*work(seed, 40))]), simhash([left(*work(seed + 1000, 40))])) for seed in range(200)]
    assert sorted(near)[45] <= ALIKE_BITS
    assert min(far) > 2 * ALIKE_BITS


def test_what_is_added_and_what_is_taken_away_are_not_alike() -> None:
    added = [left(*work(7, 60))]
    assert distance(simhash(added), simhash(turned(added))) > 2 * ALIKE_BITS


lines = st.lists(st.text(alphabet="ab_ (=1", max_size=12), max_size=60)


@given(lines, st.randoms())
def test_the_order_of_files_never_matters(added: list[str], order: random.Random) -> None:
    files = [left(line, line + " x", path=str(at)) for at, line in enumerate(added)]
    mixed = order.sample(files, len(files))
    assert simhash(files) == simhash(mixed)


@given(lines)
def test_a_hash_is_16_digits_or_none(added: list[str]) -> None:
    found = simhash([left(*added)])
    assert found == "" or (len(found) == 16 and int(found, 16) > 0)

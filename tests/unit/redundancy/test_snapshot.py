import random
import weakref
import zlib
from collections.abc import Iterable

import pytest
from sent_calls import DOCUMENT, KEY, Played

from proxy.redundancy.bounds import Recent
from proxy.redundancy.detector import Detector
from proxy.redundancy.findings import Judgement
from proxy.redundancy.marks import Marks
from proxy.redundancy.sight import Message
from proxy.redundancy.snapshot import SnapshotError, Taking, lines


def traffic(played: Played, chance: random.Random, calls: int) -> list[Judgement]:
    """A little of everything that is remembered."""
    sent = []
    talk: list[Message] = [("user", "Look after the depot.")]
    for n in range(calls):
        sent.append(played.send(f"Summarise.\n{DOCUMENT}", wait_s=10))
        sent.append(played.send(f"{chance.choice(['List', 'Name'])} the towns, please.\n{DOCUMENT}", owner="bob"))
        sent.append(played.send(f"{n} " * 2000 + "\nping", reply="OK"))
        sent.append(played.send("What sold best last week in town nine?", owner="svc-a", owner_kind="service"))
        sent.append(played.send(talk))
        talk = [*talk, ("assistant", '<call Bash {"command":"ls"}>'), ("user", f"<result>{DOCUMENT}")]
    return sent


def restored(lines: Iterable[bytes]) -> Detector:
    detector = Detector(KEY)
    taking = detector.restoring()
    for line in lines:
        taking.take(line)
    return detector


def test_a_detector_goes_on_where_another_one_was() -> None:
    whole, cut = Played(), Played()
    assert traffic(whole, random.Random(1), 4) == traffic(cut, random.Random(1), 4)
    cut.detector = restored(cut.detector.state())
    assert cut.detector.exempted() == whole.detector.exempted()
    found = traffic(whole, random.Random(2), 6)
    assert traffic(cut, random.Random(2), 6) == found
    assert any(judgement.flagged for judgement in found)


def test_what_is_kept_has_no_word_of_a_prompt() -> None:
    played = Played()
    traffic(played, random.Random(1), 4)
    text = b"\n".join(played.detector.state()).decode()
    assert len(zlib.compress(text.encode(), 1)) < 60_000
    assert not any(word in text for word in ("depot", "crates", "Summarise", "town"))


def test_what_ran_while_a_state_was_written_runs_no_longer() -> None:
    played = Played()
    played.send("Summarise the depot's last week, please.", ends=False)
    played.detector = restored(played.detector.state())
    assert played.send("Summarise the depot's last week, please.").exempted == "retry"


DAMAGED = [b"", b"no snapshot", b"[]", b"[1,2,3]", b'["Prompts._other",1,2]', b'["Prompts._table",1,["c",99]]']
DAMAGED += [
    b'["Prompts._table",["l"],1]',
    b'["Prompts._table",1,["r",7]]',
    b'["Prompts._table",1,["c",5,1]]',
    b"[" * 9999,
]


@pytest.mark.parametrize("line", DAMAGED)
def test_a_damaged_line_is_none(line: bytes) -> None:
    with pytest.raises(SnapshotError):
        Detector(KEY).restoring().take(line)


def test_calls_go_on_while_a_state_is_written_and_while_it_is_taken() -> None:
    whole, cut = Played(), Played()
    traffic(whole, random.Random(1), 4)
    traffic(cut, random.Random(1), 4)
    lines = []
    for number, line in enumerate(cut.detector.state()):
        lines.append(line)
        if number % 10 == 0:
            cut.send(f"Another one, number {number * 7919}, about nothing in particular.", owner="carol", wait_s=0)
    cut.detector = Detector(KEY)
    taking = cut.detector.restoring()
    for number, line in enumerate(lines):
        taking.take(line)
        if number % 10 == 0:
            cut.send(f"One more, number {number * 7919}, about nothing in particular.", owner="dave", wait_s=0)
    found = traffic(whole, random.Random(2), 6)
    again = traffic(cut, random.Random(2), 6)
    assert [each.flagged for each in again] == [each.flagged for each in found]
    assert any(judgement.flagged for judgement in found)


class Row:
    __slots__ = ("__weakref__", "number")

    def __init__(self, number: int) -> None:
        self.number = number


def test_what_leaves_while_lines_are_made_leaves_memory() -> None:
    table: Recent[int, Row] = Recent(3)
    for number in range(3):
        table.put(number, Row(number))
    left = [weakref.ref(row) for _, row in table.items()]
    made = lines({"rows": table}, (Row,), shared=())
    next(made)
    for number in range(3, 6):
        table.put(number, Row(number))
    assert [each() for each in left[1:]] == [None, None]
    assert not list(made)


def test_what_takes_the_place_of_what_left_is_another() -> None:
    table: Recent[int, Row] = Recent(2)
    table.put(0, Row(0))
    table.put(1, Row(1))
    made = lines({"rows": table}, (Row,), shared={Row})
    told = [next(made)]
    for number in range(2, 40):
        # Each may get the memory, and so the id, of one before.
        table.put(1, Row(number))
    told += made
    assert told[-1] == b'["rows",1,["c",0,39]]'


def test_what_several_rows_share_stays_one() -> None:
    before: Recent[int, tuple[Row, ...]] = Recent(3)
    after: Recent[int, tuple[Row, ...]] = Recent(3)
    both = Row(7)
    for number in range(3):
        before.put(number, (Row(number), both))
    taking = Taking({"rows": after}, (Row,), lambda _: None)
    for line in lines({"rows": before}, (Row,), shared={Row}):
        taking.take(line)
    assert [[row.number for row in rows] for rows in after.values()] == [[0, 7], [1, 7], [2, 7]]
    assert len({id(rows[1]) for rows in after.values()}) == 1


def test_marks_of_before_a_restart_join_those_of_after() -> None:
    before, after = Marks(), Marks()
    for thing in range(3_000):
        before.first(1, thing, 7)
        after.first(1, thing + 10**6, 8)
    for number, part in before.items():
        after.put(number, part)
    assert sum(after.first(1, thing, 9) == 7 for thing in range(3_000)) > 2_900
    assert sum(after.first(1, thing + 10**6, 9) == 8 for thing in range(3_000)) > 2_900


@pytest.mark.parametrize(
    "line", [b'["Reruns._marks",0,["b","00"]]', b'["Reruns._marks",-1,1]', b'["Reruns._marks",0,1]']
)
def test_damaged_marks_are_none(line: bytes) -> None:
    with pytest.raises(SnapshotError):
        Detector(KEY).restoring().take(line)


def test_a_text_that_moves_is_remembered_over_a_restart() -> None:
    rows = [f"Parcel {n * 7919} weighs {n * 31} pounds and goes to town {n * 17}." for n in range(400)]

    def windows(played: Played, first: int, last: int) -> list[bool]:
        sent = ["Summarise this.\n" + "\n".join(rows[n * 4 : n * 4 + 100]) for n in range(first, last)]
        return [played.send(each, cost_pico=3 * 10**10, output_tokens=300).flagged for each in sent]

    whole, cut = Played(), Played()
    assert windows(whole, 0, 10) == windows(cut, 0, 10)
    cut.detector = restored(cut.detector.state())
    found = windows(whole, 10, 30)
    assert windows(cut, 10, 30) == found
    assert any(found)

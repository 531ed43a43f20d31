import random
import zlib

import pytest
from sent_calls import DOCUMENT, KEY, Played

from proxy.redundancy.detector import Detector
from proxy.redundancy.findings import Judgement
from proxy.redundancy.sight import Message
from proxy.redundancy.snapshot import SnapshotError


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


def test_a_detector_goes_on_where_another_one_was() -> None:
    whole, cut = Played(), Played()
    assert traffic(whole, random.Random(1), 4) == traffic(cut, random.Random(1), 4)
    cut.detector = Detector.restored(KEY, cut.detector.state())
    assert cut.detector.exempted() == whole.detector.exempted()
    found = traffic(whole, random.Random(2), 6)
    assert traffic(cut, random.Random(2), 6) == found
    assert any(judgement.flagged for judgement in found)


def test_what_is_kept_has_no_word_of_a_prompt() -> None:
    played = Played()
    traffic(played, random.Random(1), 4)
    assert len(played.detector.state()) < 60_000
    text = zlib.decompress(played.detector.state()).decode()
    assert not any(word in text for word in ("depot", "crates", "Summarise", "town"))


@pytest.mark.parametrize("data", [b"", b"no snapshot", Detector(KEY).state()[:-9]])
def test_damaged_bytes_are_no_snapshot(data: bytes) -> None:
    with pytest.raises(SnapshotError):
        Detector.restored(KEY, data)

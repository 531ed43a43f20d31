"""Tally: counts add up, and the list of calls is bounded without losing count."""

from proxy.model.usage import Usage
from proxy.standin.tally import Counted, Ended, Received, Tally

RECEIVED = Received("POST", "/v1/x", b"\x01" * 32, b"\x02" * 32, 7, (("authorization", b"\x03" * 32),))


def ended(tally: Tally, model: str, how: Ended, usage: Usage, marker: str = "") -> None:
    tally.begin()
    tally.end(Counted(f"req_{marker}", marker, "chat", model, 200, how, usage, RECEIVED))


def test_calls_and_tokens_add_up_by_model_and_in_total() -> None:
    tally = Tally()
    ended(tally, "a", Ended.COMPLETE, Usage(input_text=3, output_text=5, reasoning=1))
    ended(tally, "a", Ended.CUT, Usage(input_text=2, cache_read=10))
    ended(tally, "b", Ended.ERROR, Usage())
    counts = tally.counts()
    a, b, total = counts["models"]["a"], counts["models"]["b"], counts["total"]
    assert (a["calls"], a["complete"], a["cut"], a["input_text"], a["output_text"], a["reasoning"]) == (
        2,
        1,
        1,
        5,
        5,
        1,
    )
    assert (b["calls"], b["error"], b["input_text"]) == (1, 1, 0)
    assert (total["calls"], total["input_text"], total["cache_read"]) == (3, 5, 10)


def test_a_call_in_flight_is_open_until_it_ends_and_survives_a_reset() -> None:
    tally = Tally()
    tally.begin()
    assert tally.counts()["open"] == 1
    tally.reset()
    tally.end(Counted("r", "", "chat", "a", 200, Ended.COMPLETE, Usage(), RECEIVED))
    assert (tally.counts()["open"], tally.counts()["total"]["calls"]) == (0, 1)


def test_a_reset_forgets_what_has_ended() -> None:
    tally = Tally()
    ended(tally, "a", Ended.COMPLETE, Usage(input_text=1))
    tally.reset()
    assert tally.counts()["models"] == {}
    assert tally.calls(0, 10) == {"calls": [], "next": 0, "forgotten": 0, "open": 0}


def test_the_list_of_calls_can_be_read_in_pages_and_says_what_it_forgot() -> None:
    tally = Tally(calls_kept=4)
    for number in range(6):
        ended(tally, "a", Ended.COMPLETE, Usage(), marker=str(number))
    first = tally.calls(0, 3)
    assert [call["marker"] for call in first["calls"]] == ["2", "3", "4"]
    assert (first["forgotten"], first["next"]) == (2, 5)
    rest = tally.calls(first["next"], 3)
    assert [call["marker"] for call in rest["calls"]] == ["5"]
    assert tally.calls(rest["next"], 3)["calls"] == []
    assert tally.counts()["total"]["calls"] == 6


def test_a_call_shows_digests_and_no_values() -> None:
    tally = Tally()
    ended(tally, "a", Ended.COMPLETE, Usage(output_text=4))
    (call,) = tally.calls(0, 1)["calls"]
    assert call["headers"] == [["authorization", "03" * 32]]
    assert (call["target_sha256"], call["body_sha256"], call["body_bytes"]) == ("01" * 32, "02" * 32, 7)
    assert call["usage"] == {"output_text": 4}

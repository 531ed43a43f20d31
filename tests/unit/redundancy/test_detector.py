import gc
import sys
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sent_calls import DOCUMENT, KEY, Played, classes

from proxy.redundancy.detector import Detector
from proxy.redundancy.sight import Evaluation, Message
from proxy.redundancy.thresholds import DEFAULTS, Thresholds

PROMPT = "Which depot sold the most crates this year?\n" + DOCUMENT


def test_the_same_prompt_again_and_again_is_flagged_from_the_fifth_call() -> None:
    played = Played()
    flags = [played.send(PROMPT).flagged for _ in range(8)]
    assert flags == [False] * 4 + [True] * 4


def test_a_person_who_regenerates_three_times_is_not_flagged() -> None:
    played = Played()
    assert not any(played.send(PROMPT, wait_s=20, temperature=1.0).flagged for _ in range(4))


def test_a_disguised_repeat_is_seen_sooner_and_names_the_calls_it_repeats() -> None:
    played = Played()
    judgements = [played.send(f"run #{n * 7919}\n{PROMPT}") for n in range(1, 6)]
    assert [judgement.flagged for judgement in judgements] == [False, False, False, True, True]
    assert judgements[3].findings[0].waste_class == "disguised_repeat"
    assert judgements[3].findings[0].repeats == ("call-1", "call-2", "call-3")


def test_earlier_calls_of_a_campaign_are_attributed_once_it_is_clear() -> None:
    played = Played()
    for _ in range(6):
        played.send(PROMPT)
    exact = [found for found in played.attributions if found.waste_class == "exact_repeat"]
    assert len(exact) == 1
    assert exact[0].call_ids == ("call-2", "call-3", "call-4")


def test_once_a_day_is_never_waste() -> None:
    played = Played()
    assert not any(played.send(PROMPT, wait_s=86_400).flagged for _ in range(30))


def test_repeats_after_failures_are_retries_and_counted_in_money() -> None:
    played = Played()
    flags = [played.send(PROMPT, wait_s=1, status=429).flagged for _ in range(8)]
    flags += [played.send(PROMPT, wait_s=9, status=599, hung_up=True).flagged for _ in range(3)]
    flags.append(played.send(PROMPT, wait_s=9).flagged)
    assert not any(flags)
    assert {row.kind for row in played.detector.exempted()} == {"retry", "hang_up"}
    assert sum(row.cost_pico for row in played.detector.exempted()) > 0


def test_hanging_up_each_time_stops_being_a_retry() -> None:
    played = Played()
    flags = [played.send(PROMPT, status=200, hung_up=True).flagged for _ in range(20)]
    assert not any(flags[:7])
    assert all(flags[11:])


def test_provoking_a_failure_before_each_repeat_buys_nothing() -> None:
    played = Played()
    flags = []
    for _ in range(12):
        flags.append(played.send(PROMPT, status=500).flagged)
        flags.append(played.send(PROMPT).flagged)
    assert all(flags[12:])


def test_several_samples_at_once_are_let_pass_but_not_without_end() -> None:
    played = Played()
    sent = [played.send(PROMPT, wait_s=0.3, temperature=0.8, ends=False) for _ in range(60)]
    assert not any(judgement.flagged for judgement in sent[:16])
    assert sent[59].flagged


def test_twins_in_flight_without_a_temperature_are_no_samples() -> None:
    played = Played()
    sent = [played.send(PROMPT, wait_s=0.1, temperature=0, ends=False) for _ in range(8)]
    assert classes(sent[7]) == {"in_flight_twin", "near_repeat"}


def test_an_evaluation_may_repeat_for_each_commit_but_not_one_commit_for_ever() -> None:
    played = Played()
    owner = {"owner": "svc-ci", "owner_kind": "service"}
    for commit in range(40):
        for trial in range(3):
            pause_s = 5 if trial else 3_600
            assert not played.send(PROMPT, wait_s=pause_s, evaluation=Evaluation(f"c{commit}"), **owner).flagged
    same = [played.send(PROMPT, wait_s=5, evaluation=Evaluation("c0"), **owner) for _ in range(30)]
    assert {judgement.exempted for judgement in same[20:]} == {None}


def test_one_prompt_alone_with_ever_new_commits_is_no_evaluation() -> None:
    played = Played()
    sent = [
        played.send(PROMPT, wait_s=200, evaluation=Evaluation(f"c{n}"), owner="svc-ci", owner_kind="service")
        for n in range(30)
    ]
    assert not any(judgement.flagged for judgement in sent[:8])
    assert all(judgement.flagged for judgement in sent[13:])


def test_a_suite_may_run_for_many_commits_within_hours() -> None:
    played = Played()
    for commit in range(30):
        for case in ("alpha", "beta"):
            text = f"{PROMPT} Case {case}."
            commit_id = Evaluation(f"c{commit}")
            assert not played.send(text, wait_s=30, evaluation=commit_id, owner="svc-ci", owner_kind="service").flagged


def test_a_prompt_going_round_between_people_is_flagged_and_a_short_question_is_not() -> None:
    played = Played()
    people = ["alice", "bob", "carol"]
    long = [played.send(PROMPT, owner=people[n % 3]) for n in range(9)]
    assert "shared_repeat" in classes(long[8])
    short = [played.send("How do I request a new laptop?", owner=f"person {n}") for n in range(40)]
    assert not any(judgement.flagged for judgement in short)


def dialogue(turns: int, word: str = "depot") -> list[list[Message]]:
    """The calls of a conversation that grows by an answer and a new question."""
    messages: list[Message] = [("user", f"Plan the {word} move, step by step, with all that it needs.")]
    calls = [list(messages)]
    for n in range(turns):
        messages += [
            ("assistant", f"Step {n}: the {word} number {n * 31} is closed; its {n * 17} crates go to row {n}."),
            ("user", f"What about the {word} of street {n * 101}, which opened in {1900 + n}?"),
        ]
        calls.append(list(messages))
    return calls


def test_a_growing_conversation_is_never_waste_by_itself() -> None:
    played = Played()
    assert not any(played.send(call).flagged for call in dialogue(40))


def test_a_conversation_played_again_is_flagged_from_its_third_call_and_at_once_the_next_time() -> None:
    played = Played()
    calls = dialogue(8)
    for call in calls:
        played.send(call)
    again = [played.send(call) for call in calls]
    assert [judgement.flagged for judgement in again] == [False, False] + [True] * 7
    assert "replayed_conversation" in classes(again[4])
    third = [played.send(call) for call in calls]
    assert all(judgement.flagged for judgement in third)


def test_a_conversation_played_again_by_somebody_else_is_flagged() -> None:
    played = Played()
    calls = dialogue(6)
    for call in calls:
        played.send(call)
    assert [played.send(call, owner="bob").flagged for call in calls][3:] == [True] * 4


def test_one_call_of_a_conversation_sent_twice_is_no_replay() -> None:
    played = Played()
    for call in dialogue(12):
        assert not played.send(call, status=500).flagged
        assert not played.send(call).flagged


def test_a_repeat_that_new_work_grows_out_of_is_worth_it() -> None:
    played = Played()
    task: list[Message] = [("user", "Look into the inbox and handle what is new there, as the handbook says.")]
    for n in range(8):
        assert not played.send(task, wait_s=900).flagged
        more = [
            *task,
            ("assistant", "<call inbox {}>"),
            ("user", f"<result>{n + 3} letters, the first from town {n * 37}."),
        ]
        assert not played.send(more, wait_s=5).flagged


def test_thresholds_decide_what_is_flagged_and_scores_stay() -> None:
    strict = Played(Detector(KEY, Thresholds({**DEFAULTS, "exact_repeat": 1.0})))
    loose = Played(Detector(KEY, Thresholds({**DEFAULTS, "exact_repeat": 3.6})))
    for played in (strict, loose):
        played.send(PROMPT)
    assert strict.send(PROMPT).flagged
    assert not loose.send(PROMPT).flagged


def strings_held(root: Any) -> list[str]:
    """All strings and bytes reachable from an object's data."""
    seen: set[int] = set()
    found: list[str] = []
    queue = [root]
    while queue:
        held = queue.pop()
        if id(held) in seen or isinstance(held, type | ModuleType):
            continue
        seen.add(id(held))
        if isinstance(held, str):
            found.append(held)
        elif isinstance(held, bytes):
            found.append(held.decode("latin-1"))
        elif callable(held) and not hasattr(held, "__slots__"):
            continue
        else:
            queue.extend(gc.get_referents(held))
    return found


def test_no_text_is_kept() -> None:
    played = Played()
    for call in dialogue(6, "marmalade"):
        played.send(call, reply="A marmalade answer.")
    for n in range(9):
        played.send(f"Say ok about the marmalade {n}.\n{DOCUMENT.replace('depot', f'marmalade{n}')}\nok?", reply="OK")
    assert not [text for text in strings_held(played.detector) if "marmalade" in text.lower()]


def test_the_same_calls_give_the_same_findings() -> None:
    runs = []
    for _ in range(2):
        played = Played()
        runs.append([played.send(call) for call in dialogue(6) * 2] + [played.send(PROMPT) for _ in range(6)])
    assert runs[0] == runs[1]


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["user", "assistant", "system", "tool", "odd"]),
            st.text(max_size=80) | st.sampled_from(["", "\udc80", "\x00", "ok", DOCUMENT]),
        ),
        max_size=6,
    )
)
def test_any_messages_can_be_read(messages: list[Message]) -> None:
    played = Played()
    for _ in range(3):
        played.send(messages, wait_s=1)


@pytest.mark.parametrize("text", ["", "\n" * 5000, "a" * 200_000, "🙂" * 5000])
def test_odd_texts_are_read_in_time(text: str) -> None:
    played = Played()
    assert not any(played.send(text).flagged for _ in range(3))


def test_answers_to_unknown_calls_are_ignored_and_hashes_need_the_key() -> None:
    one, other = Detector(b"one key"), Detector(b"another")
    assert one._keyed.text("x") != other._keyed.text("x")
    assert sys.getsizeof(one) > 0


def test_texts_of_one_length_that_differ_only_in_the_middle_are_different_work() -> None:
    played = Played()
    for n in range(12):
        text = "\n".join(f"Row {row:02d} of {(row * n * 7919) % 9973:04d} crates" for row in range(100))
        text = f"{DOCUMENT}\n{text}\n{DOCUMENT}"
        exact = {found.waste_class for found in played.send(text).findings} & {"exact_repeat", "disguised_repeat"}
        assert not exact

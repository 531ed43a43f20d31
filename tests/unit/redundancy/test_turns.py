from sent_calls import DOCUMENT, Played, classes

from proxy.redundancy.sight import Message

LISTING = "<result>" + DOCUMENT


def agent(results: list[tuple[str, str]], wait_s: float = 20) -> list[set[str]]:
    """What is flagged at each step of an agent that makes the given tool calls with the given results."""
    played = Played()
    messages: list[Message] = [("user", "Keep an eye on the project and tell me what to do.")]
    flagged = [classes(played.send(messages, wait_s=wait_s))]
    for call, result in results:
        messages = [*messages, ("assistant", call), ("user", result)]
        flagged.append(classes(played.send(messages, wait_s=wait_s)))
    return flagged


def test_the_same_tool_call_with_the_same_result_is_a_loop() -> None:
    flagged = agent([('<call Bash {"command":"ls -R"}>', LISTING)] * 8)
    assert flagged[:4] == [set()] * 4
    assert flagged[4:] == [{"tool_loop"}] * 5


def test_a_comment_in_the_call_and_a_duration_in_the_result_hide_nothing() -> None:
    steps = [
        (f'<call Bash {{"command":"ls -R # {n * 99991:016x}a"}}>', f"{LISTING}\nelapsed 0.{n}s pid {n * 77}")
        for n in range(8)
    ]
    assert agent(steps)[5] == {"tool_loop"}


def test_the_same_test_with_other_results_is_work() -> None:
    steps = []
    for n in range(20):
        steps.append((f'<call Edit {{"file":"a.py","new":"depot {n}"}}>', "<result>ok"))
        steps.append(
            ('<call Bash {"command":"pytest -q"}>', f"<result>{20 - n} failed, {n} passed\nE town {n * 31} is closed")
        )
    assert agent(steps) == [set()] * 41


def test_waiting_for_a_build_is_no_loop_until_it_never_ends() -> None:
    poll = [('<call Bash {"command":"gh run view"}>', "<result>in_progress")]
    assert agent(poll * 25, wait_s=60) == [set()] * 26
    assert agent(poll * 60, wait_s=60)[60] == {"tool_loop"}


def test_polling_without_a_pause_is_a_loop() -> None:
    poll = [('<call Bash {"command":"gh run view"}>', "<result>in_progress")]
    assert "tool_loop" in agent(poll * 8, wait_s=1)[8]


def test_the_same_notice_after_different_calls_is_no_loop() -> None:
    notice = "<result>Todos were changed. Go on with the current tasks if they apply, and use the list as you work."
    assert agent([(f'<call TodoWrite {{"todo":"pack row {n}"}}>', notice) for n in range(30)]) == [set()] * 31


def test_two_sides_exchanging_pleasantries_are_seen() -> None:
    lines = [
        "You are welcome! Happy to help further.",
        "Great, thank you so much!",
        "Wonderful. Shall we go over it again?",
    ]
    played = Played()
    messages: list[Message] = [("user", "You are agent A. Talk with agent B about the depot.")]
    flagged = []
    for n in range(14):
        flagged.append(classes(played.send(messages, wait_s=4)))
        messages = [*messages, ("assistant", lines[n % 3]), ("user", lines[(n + 1) % 3])]
    assert "ping_pong" in flagged[12] or "repeated_turn" in flagged[12]


def test_a_person_saying_continue_is_at_work() -> None:
    played = Played()
    messages: list[Message] = [("user", "Write the handbook of the depot.")]
    for n in range(30):
        assert not played.send(messages).flagged
        answer = f"Chapter {n}: harvest {n * 3}, brother {n * 5}, harbour {n * 7}. " * 3
        messages = [*messages, ("assistant", answer), ("user", "continue")]

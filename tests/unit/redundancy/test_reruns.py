from sent_calls import Played, classes

from proxy.redundancy.sight import Message

FILES = [
    "\n".join(f"def step_{name}_{n}(lamp): return lamp.oven_{n * 7} + {n * 13}" for n in range(20))
    for name in ("north", "south", "east", "west", "middle")
]


def session(played: Played, task: str, order: list[int], edit: str = "") -> list[set[str]]:
    """What is flagged of an agent that reads the files in that order."""
    messages: list[Message] = [("system", "You work with tools."), ("user", task)]
    flagged = [classes(played.send(messages, wait_s=400))]
    for number in order:
        call = f'Let me look, {len(messages)}.\n<call Read {{"file":"f{number}.py"}}>'
        messages = [*messages, ("assistant", call), ("user", f"<result>{FILES[number]}")]
        flagged.append(classes(played.send(messages, wait_s=8)))
    if edit:
        messages = [*messages, ("assistant", f'<call Edit {{"new":"{edit}"}}>'), ("user", f"<result>{edit * 9}")]
        flagged.append(classes(played.send(messages, wait_s=8)))
    return flagged


def test_an_agent_started_afresh_to_read_the_same_is_seen_in_its_second_session() -> None:
    played = Played()
    orders = [[0, 1, 2, 3, 4], [3, 1, 4, 0, 2], [4, 3, 2, 1, 0]]
    tasks = ["Get to know the project.", "Know the project, and get to it now.", "The project: get to know it."]
    first, second, third = map(session, [played] * 3, tasks, orders)
    assert not any(first)
    assert not any(second[:5])
    assert second[5] == {"replayed_conversation"}
    assert all(step == {"replayed_conversation"} for step in third)


def test_agents_that_read_the_same_and_then_do_their_work_are_at_work() -> None:
    played = Played()
    for number in range(25):
        work = f"Harvest {number} goes to the {number * 31}th barge, brother {number * 17} rows. "
        assert not any(session(played, f"Mend defect {number} at pier {number * 3}.", [0, 1], edit=work + work * 4))
        assert not any(session(played, f"And now defect {number + 99} at lock {number}.", [], edit=work[::-1] * 5))


def test_services_answer_many_people_alike() -> None:
    played = Played()
    for customer in range(12):
        messages: list[Message] = [("user", f"Where is my parcel {customer * 77}?")]
        for number in (0, 1, 2):
            call = f'<call Read {{"file":"f{number}.py"}}>'
            messages = [*messages, ("assistant", call), ("user", f"<result>{FILES[number]}")]
            judged = played.send(messages, owner="svc-help", owner_kind="service")
            assert "replayed_conversation" not in classes(judged)

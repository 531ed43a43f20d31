from sent_calls import DOCUMENT, Played, classes

TRIVIAL = ["Say ok.", "Just say ok", "ok?", "ping"]


def context(n: int) -> str:
    return DOCUMENT.replace("depot", f"harbour{n}").replace("crates", f"barrels{n * 3}")


def test_trivial_questions_over_ever_new_contexts_are_flagged() -> None:
    played = Played()
    sent = [classes(played.send(f"{context(n)}\n{TRIVIAL[n % 4]}", reply="OK")) for n in range(12)]
    assert sent[:3] == [set()] * 3
    assert sent[7:] == [{"trivial_context"}] * 5


def test_a_question_that_is_put_first_is_seen_too() -> None:
    played = Played()
    sent = [classes(played.send(f"Reply with OK\n{context(n)}", reply="OK.")) for n in range(8)]
    assert sent[7] == {"trivial_context"}


def test_one_word_answers_of_a_classification_are_work() -> None:
    played = Played()
    question = "Is this document relevant to the audit? Answer yes, no or partly."
    for n in range(40):
        assert not played.send(f"{context(n)}\n{question}", reply="no" if n % 5 else "partly").flagged


def test_other_work_of_the_same_person_is_not_flagged() -> None:
    played = Played()
    for n in range(12):
        played.send(f"{context(n)}\nSay ok.", reply="OK")
    assert not played.send(f"{context(50)}\nWhich of these would you close first, and what would it save?").flagged

import random

import pytest
from sent_calls import DOCUMENT, Played, classes

from proxy.redundancy.bounds import SHORT_TOPICS_MAX
from proxy.redundancy.hashing import Keyed
from proxy.redundancy.topics import Topics

OPENINGS = ["", "Hey, ", "Quick one: ", "Once more: ", "I wonder, "]
SUBJECTS = """
prices staff winter roads rivals weather loans fuel rent unions fairs trains bridges taxes thieves mice floods guards
lamps ovens bakers millers flags ferries customs insurance cranes barges pallets ledgers auctions spring
"""
VERBS = ["list", "enumerate", "name"]
ENDS = ["", " Thanks.", " Think step by step.", " Be thorough."]


def paraphrase(chance: random.Random) -> str:
    opening, verb, end = chance.choice(OPENINGS), chance.choice(VERBS), chance.choice(ENDS)
    return f"{opening}{verb} the depots that sold more crates than last year.{end}"


def test_the_same_request_in_other_words_over_a_long_text_is_flagged() -> None:
    chance = random.Random(1)
    played = Played()
    sent = [played.send(f"{DOCUMENT}\n{paraphrase(chance)}", wait_s=20) for _ in range(40)]
    assert sum(judgement.flagged for judgement in sent[10:]) >= 25


def test_the_same_short_request_in_other_words_is_flagged() -> None:
    chance = random.Random(2)
    played = Played()
    sent = [played.send(paraphrase(chance), wait_s=20) for _ in range(40)]
    assert sum(judgement.flagged for judgement in sent[12:]) >= 20


def test_different_questions_about_one_text_are_work() -> None:
    played = Played()
    questions = [
        "Who signed it?", "Which town sold least?", "Is any figure odd?", "Translate the first paragraph to Welsh.",
        "Where would a new depot pay?", "What does line nine imply for winter?", "Draft a letter to the owners.",
        "How were crates counted?", "Compare north with south.", "Make a table of towns.", "Which rows lack a unit?",
        "Write a haiku about it.", "What is missing for an audit?", "Explain the trend to a child.",
    ]  # fmt: skip
    assert not any(played.send(f"{DOCUMENT}\nQuestion: {question}").flagged for question in questions)


def test_a_person_editing_a_prompt_over_fixed_texts_is_at_work() -> None:
    chance = random.Random(3)
    played = Played()
    subjects = SUBJECTS.split()
    rules = [f"Mention {subject} only where it matters." for subject in subjects]
    chance.shuffle(rules)
    prompt = [rules.pop() for _ in range(4)]
    texts = [DOCUMENT, DOCUMENT.replace("depot", "harbour"), DOCUMENT.replace("crates", "barrels")]
    flags = 0
    for _ in range(25):
        prompt[chance.randrange(4)] = rules.pop()
        for text in texts:
            for _ in range(2 if chance.random() < 0.15 else 1):
                flags += played.send([("system", " ".join(prompt)), ("user", text)], wait_s=30).flagged
    assert flags == 0


def test_a_template_over_new_rows_is_work() -> None:
    chance = random.Random(4)
    played = Played()
    template = "Summarise these figures for the people on call. Use at most five bullets.\n"
    for _ in range(60):
        row = f"requests={chance.randrange(10**6)} errors={chance.randrange(999)} p95={chance.randrange(999)}ms"
        assert not played.send(template + row, owner="svc-cron", owner_kind="service", wait_s=900).flagged


def test_a_text_whose_lines_changed_is_new() -> None:
    played = Played()
    lines = DOCUMENT.split("\n")
    for n in range(20):
        lines[n * 3] = f"Line {n * 3} was rewritten: warehouse {n} burnt, harvest {n * 11} failed, brother{n} left."
        assert not played.send("Summarise what changed since yesterday.\n" + "\n".join(lines), wait_s=7200).flagged


def test_a_timer_over_an_unchanged_text_is_flagged_soon() -> None:
    played = Played()
    asks = ["Summarise this repository.", "Give me a summary of this repository", "Summarize the repo"]
    chance = random.Random(5)
    sent = [
        played.send(f"{chance.choice(asks)} Time: {1782691626 + n * 900}\n{DOCUMENT}", wait_s=900) for n in range(20)
    ]
    assert any(judgement.flagged for judgement in sent[:8])
    assert all(judgement.flagged for judgement in sent[9:])
    assert classes(sent[19])


def test_a_finished_conversation_sent_again_with_an_early_word_changed_is_flagged() -> None:
    played = Played()
    past = []
    for n in range(4):
        part = DOCUMENT.replace("depot", f"harbour{n}")
        past += [
            ("user", f"Read this part.\n{part}"),
            ("assistant", f"Part {n} is about harbour{n}, and says so at length."),
        ]
    flags = []
    for subject in SUBJECTS.split()[:12]:
        head = ("user", f"I wonder about {subject} today. {past[0][1]}")
        flags.append(played.send([head, *past[1:], ("user", "So what do we do?")], wait_s=120).flagged)
    assert not any(flags[:3])
    assert all(flags[6:])


WISHES = [
    f"{opening} {verb} {what}. {end}"
    for opening in ("Please", "Kindly", "Now")
    for verb in ("outline", "condense", "describe", "explain", "recap")
    for what in ("the passage", "this document", "what follows")
    for end in ("Use full sentences.", "Miss nothing.", "Take your time.")
]


def test_one_wish_in_ever_other_words_is_flagged_once_the_words_come_back() -> None:
    chance = random.Random(6)
    played = Played()
    sent = [played.send(f"{chance.choice(WISHES)}\n{DOCUMENT}", wait_s=7_200).flagged for _ in range(40)]
    assert not any(sent[:5])
    assert sum(sent[20:]) >= 16


def test_one_wish_in_other_words_that_goes_round_between_people_is_flagged() -> None:
    chance = random.Random(7)
    played = Played()
    people = [f"alice{n}" for n in range(8)]
    sent = [
        classes(played.send(f"{chance.choice(WISHES)}\n{DOCUMENT}", owner=people[n % 8], wait_s=300)) for n in range(64)
    ]
    assert not any(sent[:9])
    assert sum("shared_repeat" in found for found in sent[32:]) >= 20


def test_many_people_may_each_ask_once_about_one_text() -> None:
    chance = random.Random(8)
    played = Played()
    for n in range(40):
        assert not played.send(f"{chance.choice(WISHES)}\n{DOCUMENT}", owner=f"bob{n}", wait_s=300).flagged


def test_the_lines_of_a_text_in_ever_other_order_are_flagged_and_a_moved_line_is_not() -> None:
    chance = random.Random(9)
    lines = DOCUMENT.split("\n")
    played, moved = Played(), Played()
    flags = []
    for n in range(20):
        flags.append(played.send("Sum up.\n" + "\n".join(chance.sample(lines, len(lines)))).flagged)
        rules = [*lines[: 2 * n], lines[2 * n + 1], lines[2 * n], *lines[2 * n + 2 :]]
        assert not moved.send("Sum up.\n" + "\n".join(rules)).flagged
    assert all(flags[6:])


def test_short_requests_of_very_many_people_take_a_fixed_amount_of_memory() -> None:
    topics = Topics(Keyed(b"key"))
    for n in range(300):
        for m in range(40):
            topics.place(f"alice{n}", [("user", f"alpha{n} beta{m} gamma{n * m} delta{m + n} epsilon{n - m}")], "")
    assert sum(map(len, topics._short.values())) <= SHORT_TOPICS_MAX


TIMER_WISHES = ["Summarise this repository.", "Give me a summary of this repository", "Summarize the repo"]


@pytest.mark.parametrize("stamp", ["Time: {}", ""])
def test_a_timer_whose_wish_has_three_wordings_is_flagged_by_its_sixth_call(stamp: str) -> None:
    for number in range(200):
        chance = random.Random(number)
        played = Played()
        sent = [
            played.send(
                f"{chance.choice(TIMER_WISHES)} {stamp.format(1782691626 + n * 900)}\n{DOCUMENT}",
                wait_s=900 * chance.uniform(0.98, 1.02),
            )
            for n in range(6)
        ]
        assert any(judgement.flagged for judgement in sent), number


def test_other_questions_about_one_text_by_the_clock_are_work() -> None:
    played = Played()
    for subject in SUBJECTS.split():
        assert not played.send(f"What does it say of {subject}?\n{DOCUMENT}", wait_s=900).flagged


def test_a_text_that_changes_in_a_line_is_work_by_the_clock() -> None:
    played = Played()
    lines = DOCUMENT.split("\n")
    for n, subject in enumerate(SUBJECTS.split()):
        lines[n] = f"Line {n} was replaced by one about {subject}, as of commit {n * 7919}."
        assert not played.send("Summarise this repository.\n" + "\n".join(lines), wait_s=1800).flagged

import random
import re
from typing import Any

from sent_calls import Played

WORDS = """
harbour depot barge ledger lantern orchard village mason timber canal weaver chapel furnace gravel meadow pilot quarry
saddle tavern umbrella velvet walnut anchor basket candle dragon engine falcon garden hammer island jacket kettle ladder
mirror needle oyster pepper rabbit silver ticket valley window yellow copper butter forest winter summer spider bridge
"""
COSTLY: dict[str, Any] = {"cost_pico": 4 * 10**10, "output_tokens": 300}


def sentences(chance: random.Random, count: int, alphabet: str = "") -> list[str]:
    stock = WORDS.split()
    if alphabet:
        stock = ["".join(chance.choices(alphabet, k=chance.randint(5, 9))) for _ in range(300)]
    return [" ".join([*chance.choices(stock, k=11), f"{chance.randint(100, 99_999)}."]).title() for _ in range(count)]


def test_windows_that_slide_over_a_text_are_flagged() -> None:
    text = "\n".join(sentences(random.Random(1), 200))
    played = Played()
    sent = [
        played.send(f"Summarise this part.\n{text[at : at + 5_000]}", wait_s=90, **COSTLY).flagged
        for at in range(0, 6_000, 150)
    ]
    assert not any(sent[:6])
    assert sum(sent[20:]) >= 16


def test_chapters_of_a_text_are_work() -> None:
    text = "\n".join(sentences(random.Random(2), 900))
    played = Played()
    for at in range(0, len(text), 4_000):
        call = f"Summarise this part.\n{text[at : at + 5_000]}"
        assert not played.send(call, wait_s=90, **COSTLY).flagged


def test_an_answer_quoted_back_again_and_again_is_flagged() -> None:
    chance = random.Random(3)
    answer = sentences(chance, 40)
    played = Played()
    sent = []
    for _ in range(40):
        sent.append(played.send("Rate this and improve it:\n" + "\n".join(answer), wait_s=60, **COSTLY).flagged)
        for _ in range(2):
            answer[chance.randrange(40)] = sentences(chance, 1)[0]
    assert sum(sent[20:]) >= 15


def test_a_draft_revised_with_other_wishes_is_work() -> None:
    chance = random.Random(4)
    draft = sentences(chance, 40)
    wishes = ["warmer", "plainer", "shorter", "bolder", "calmer", "braver", "kinder", "richer", "quicker", "wiser"]
    played = Played()
    for wish in wishes:
        about = sentences(chance, 1, "bcdfgaeiou")[0]
        assert not played.send(f"Make this {wish}. {about}\n" + "\n".join(draft), wait_s=300, **COSTLY).flagged
        for _ in range(4):
            draft[chance.randrange(40)] = sentences(chance, 1)[0]


def test_a_file_completed_as_it_is_typed_is_work() -> None:
    chance = random.Random(5)
    lines = sentences(chance, 60)
    played = Played()
    for _ in range(80):
        lines += sentences(chance, 1)
        text = "<before>\n" + "\n".join(lines[-60:])
        assert not played.send(text, wait_s=8, cost_pico=3 * 10**8, output_tokens=20).flagged


def renamed(chance: random.Random, text: str) -> str:
    stock = WORDS.title().split()
    names = dict(zip(stock, chance.sample(stock, len(stock)), strict=True))
    return re.sub("[A-Za-z]+", lambda word: names.get(word[0], word[0]), text)


def test_the_same_data_under_other_names_is_flagged() -> None:
    chance = random.Random(6)
    text = "\n".join(sentences(chance, 60))
    played = Played()
    sent = []
    for _ in range(30):
        sent.append(played.send("Explain this.\n" + renamed(chance, text), wait_s=120, **COSTLY).flagged)
    assert not any(sent[:3])
    assert all(sent[12:])


def test_translations_of_one_text_into_many_languages_may_each_be_proofread() -> None:
    chance = random.Random(7)
    figures = [chance.randint(100, 99_999) for _ in range(60)]
    played = Played()
    for language in range(24):
        tongue = random.Random(language)
        alphabet = "".join(tongue.sample("abcdefghijklmnopqrstuvwxyz", 12))
        stock = ["".join(tongue.choices(alphabet, k=tongue.randint(4, 9))) for _ in range(400)]
        text = "\n".join(" ".join([*tongue.choices(stock, k=9), f"{figure}."]) for figure in figures)
        assert not played.send("Proofread this text.\n" + text, wait_s=120, **COSTLY).flagged


def test_other_data_in_the_same_form_is_work() -> None:
    chance = random.Random(8)
    names = WORDS.split()
    played = Played()
    for _ in range(30):
        rows = "\n".join(f"{name} {chance.randint(100, 99_999)} of {chance.randint(100, 9_999)}" for name in names)
        assert not played.send("What stands out this week?\n" + rows, wait_s=600, **COSTLY).flagged


def test_bundles_of_the_same_files_in_ever_other_order_are_flagged() -> None:
    chance = random.Random(9)
    files = ["\n".join(sentences(chance, 15)) for _ in range(12)]
    wishes = ["Is this Python?", "Does this compile?", "Is there a loop?"]
    played = Played()
    sent = [
        played.send("\n".join(chance.sample(files, 6)) + f"\n\n{chance.choice(wishes)}", wait_s=200, **COSTLY).flagged
        for _ in range(40)
    ]
    assert sum(sent[25:]) >= 12

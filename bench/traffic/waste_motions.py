"""Burning by going through the motions: always new in words, never in sense. All go on for ever."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from . import artefacts, prose
from .calls import Call, Talk, Turn, ask, embed
from .company import Pattern, Scene
from .words import ADJECTIVES, LANGUAGES, NOUNS


def back_translation(scene: Scene) -> Iterator[Call]:
    """A text into a language, that back again, into the next language, and so on; nobody reads any of it."""
    rng, report = scene.rng, scene.report()
    caller, at = scene.caller(model="claude-opus-4-6"), scene.early_s()
    english = report.text[:6_000]
    while True:
        language = rng.choice(LANGUAGES)
        there = prose.foreign(english, language)
        for task, text, reply in ((f"into {language}", english, there), ("back into English", there, english)):
            call = ask(caller, at, ("user", f"Translate {task}.\n\n{text}"), reply=reply, out=len(reply) // 4)
            yield call
            at = call.ended_s + rng.uniform(5, 90)
        words = english.split(" ")
        for _ in range(len(words) // 25):
            words[rng.randrange(len(words))] = rng.choice(ADJECTIVES)
        english = " ".join(words)


def continue_forever(scene: Scene) -> Iterator[Call]:
    """ "Continue" after the answer has ended, in ever other words; the answers say that there is nothing to add."""
    rng, report = scene.rng, scene.report()
    talk, at = (
        Talk(scene.caller(model="claude-opus-4-6", session=scene.company.session(), caches=True)),
        scene.early_s(),
    )
    turns: list[Turn] = [("user", ("Summarise this.\n\n", report.whole))]
    while True:
        ended = rng.choice(("That is all there is to say", "Nothing is left to add", "As said", "To repeat"))
        reply = f"{ended}: {scene.short()}"
        yield talk.say(at, *turns, reply=reply, out=rng.randint(200, 500))
        words = (
            "Continue.",
            "Go on.",
            "And further?",
            "More, please.",
            "Keep going.",
            "What else?",
            "Don't stop.",
            "Next part.",
            "Carry on then.",
        )
        turns, at = [("user", rng.choice(words))], talk.ended_s + rng.uniform(3, 60)


def sliding_summaries(scene: Scene) -> Iterator[Call]:
    """Windows of one text that move on by a fiftieth of their width, each summarised; then from the start."""
    rng, report = scene.rng, scene.report()
    caller, at, start = scene.caller(model="claude-opus-4-6"), scene.early_s(), 0
    while True:
        yield ask(
            caller,
            at,
            ("user", ("Summarise this part.\n\n", report.cut(start, 7_500))),
            reply=scene.short(3),
            out=rng.randint(150, 400),
        )
        start = (start + 150) % max(1, len(report.text) - 7_500)
        at += rng.uniform(10, 200)


def sleep_status(scene: Scene) -> Iterator[Call]:
    """An agent sleeps and looks at a status that never changes, but for its clock."""
    rng = scene.rng
    talk, at = Talk(scene.agent(model="claude-opus-4-6")), scene.early_s()
    turns: list[Turn] = [
        ("system", (rng.choice(scene.company.tools).whole,)),
        ("user", f"Watch the {rng.choice(NOUNS)} job."),
    ]
    job, number = f"{rng.choice(NOUNS)}-{rng.choice(NOUNS)}", 0
    while True:
        number += 1
        reply = f'{scene.short()}\n<call Bash {{"command":"sleep {rng.randint(20, 90)}; status {job}"}}>'
        yield talk.say(at, *turns, reply=reply, out=rng.randint(60, 200))
        at = talk.ended_s + rng.uniform(20, 90)
        clock = f"{int(at) // 3600 % 24:02d}:{int(at) // 60 % 60:02d}:{int(at) % 60:02d}"
        turns = [("user", f"<result>{clock} {job}: idle, 0 waiting, 0 running, 0 failed, owner {scene.user}")]


def same_by_other_tools(scene: Scene) -> Iterator[Call]:
    """An agent that has one folder listed in ever other ways: the calls differ, what comes back is the same."""
    rng = scene.rng
    talk, at = Talk(scene.agent(model="claude-opus-4-6")), scene.early_s()
    names = [path for path, _ in scene.project.files]
    turns: list[Turn] = [
        ("system", (rng.choice(scene.company.tools).whole,)),
        ("user", "Keep an eye on the repository."),
    ]
    while True:
        flags = "".join(rng.sample("laRthFS1", rng.randint(2, 5)))
        command = rng.choice(
            (
                f"ls -{flags}",
                f"find . -type f -not -name {rng.choice(NOUNS)}",
                f"git ls-files --{rng.choice(('cached', 'full-name'))}",
            )
        )
        yield talk.say(
            at, *turns, reply=f'{scene.short()}\n<call Bash {{"command":"{command}"}}>', out=rng.randint(60, 200)
        )
        rng.shuffle(names)
        turns, at = [("user", "<result>" + "\n".join(names))], talk.ended_s + rng.uniform(2, 40)


def word_salad(scene: Scene) -> Iterator[Call]:
    """Texts made from word lists, to be summarised: every one is new, none means anything."""
    rng = scene.rng
    caller, at = scene.caller(model=rng.choice(("claude-opus-4-6", "gpt-5.1"))), scene.early_s()
    while True:
        text = " ".join(rng.choices(NOUNS + ADJECTIVES, k=rng.randint(900, 2_400)))
        yield ask(
            caller,
            at,
            ("user", f"Summarise this text in {rng.randint(2, 6)} sentences.\n\n{text}"),
            reply=scene.short(3),
            out=rng.randint(200, 500),
        )
        at += rng.uniform(20, 300)


def reformat(scene: Scene) -> Iterator[Call]:
    """The same records, keys in another order and of other names, other indents: to be "cleaned up" each time."""
    rng = scene.rng
    caller, at, records = scene.caller(model="claude-opus-4-6"), scene.early_s(), artefacts.records(scene.rng, 9_000)
    while True:
        names: dict[str, str] = {}
        text = json.dumps(_shuffled(rng, records, names), indent=rng.choice((None, 1, 2, 4)))
        wish = rng.choice(("Clean this up", "Format this well", "Bring this into order", "Tidy this JSON"))
        yield ask(caller, at, ("user", f"{wish}.\n{text}"), reply=text[:400], out=len(text) // 6)
        at += rng.uniform(30, 400)


def _shuffled(rng: Random, value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_shuffled(rng, each, names) for each in rng.sample(value, len(value))]
    if not isinstance(value, dict):
        return value
    keys = rng.sample(list(value), len(value))
    return {
        names.setdefault(key, f"{rng.choice(NOUNS)}_{key.split('_')[1]}"): _shuffled(rng, value[key], names)
        for key in keys
    }


def renamed_code(scene: Scene) -> Iterator[Call]:
    """One module with other names for its variables each time, to be explained."""
    rng = scene.rng
    caller, at = scene.caller(model="claude-opus-4-6"), scene.early_s()
    _, kept = rng.choice(scene.project.files)
    used = sorted({noun for noun in NOUNS if noun in kept.text})
    while True:
        others, text = rng.sample(NOUNS, len(used)), kept.text
        for old, new in zip(rng.sample(used, len(used) * 2 // 3), others, strict=False):
            text = text.replace(old, new)
        yield ask(
            caller, at, ("user", f"Explain this module.\n\n{text}"), reply=scene.short(4), out=rng.randint(400, 900)
        )
        at += rng.uniform(40, 500)


def rate_own_answer(scene: Scene) -> Iterator[Call]:
    """Each answer goes back as a quotation, to be rated and improved; the quotations are quoted as well."""
    rng = scene.rng
    caller, at, answer = scene.caller(model="claude-opus-4-6"), scene.early_s(), scene.text(2_500)
    while True:
        wish = rng.choice(
            (
                "Rate this from 1 to 10 and improve it",
                "How good is this? Make it better",
                "Judge this answer, then rewrite it",
            )
        )
        reply = f"{rng.randint(6, 9)} of 10. {scene.short()} " + answer[: 2_400 - rng.randint(0, 300)]
        yield ask(caller, at, ("user", f'{wish}:\n\n"{answer}"'), reply=reply, out=len(reply) // 4)
        sentences = reply.split(". ")
        sentences[rng.randrange(len(sentences))] = scene.short()[:-1]
        answer, at = ". ".join(sentences), at + rng.uniform(15, 120)


def embedding_slices(scene: Scene) -> Iterator[Call]:
    """One text embedded in slices that begin a little later each round: millions of tokens for nothing."""
    rng, texts = scene.rng, scene.company.reports
    caller, at, offset = scene.caller(model="text-embedding-3-small"), scene.early_s(), 0
    while True:
        for report in texts[:12]:
            yield embed(caller, at, (report.cut(offset, 24_000),))
            at += rng.uniform(0.2, 1.5)
        offset = (offset + rng.randint(20, 90)) % 3_000


def trivia_over_files(scene: Scene) -> Iterator[Call]:
    """A one-word question over a bundle of all the project's files, in ever another order and choice."""
    rng = scene.rng
    caller, at = scene.caller(model="claude-opus-4-6", params={"max_tokens": 16}), scene.early_s()
    while True:
        bundle = tuple(kept.whole for _, kept in rng.sample(scene.project.files, min(8, len(scene.project.files))))
        wish = rng.choice(
            ("Is this Python?", "Does this compile?", "Any comments?", "Is there a loop?", "Yes or no: is this long?")
        )
        yield ask(caller, at, ("user", (*bundle, f"\n\n{wish}")), reply=rng.choice(("Yes.", "No.", "Yes")), out=2)
        at += rng.uniform(30, 500)


PATTERNS: dict[str, Pattern] = {
    "back_translation": back_translation,
    "continue_forever": continue_forever,
    "sliding_summaries": sliding_summaries,
    "sleep_status": sleep_status,
    "same_by_other_tools": same_by_other_tools,
    "word_salad": word_salad,
    "reformat": reformat,
    "renamed_code": renamed_code,
    "rate_own_answer": rate_own_answer,
    "embedding_slices": embedding_slices,
    "trivia_over_files": trivia_over_files,
}

"""Burning by saying the same again: slowly, padded, spread, or hidden in the middle. All go on for ever."""

import base64
from collections.abc import Iterator
from random import Random

from . import prose
from .calls import GAVE_UP, Call, Talk, Text, Turn, ask
from .company import MODELS, Pattern, Scene
from .words import ADJECTIVES, ADVERBS, NOUNS

_BIG = ("claude-opus-4-6", "claude-sonnet-4-6", "gpt-5.1")
_OPENERS = (
    "Could you",
    "Please",
    "I would like you to",
    "It would help to",
    "Your task is to",
    "Kindly",
    "Now",
    "Go on and",
)
_ASKS = (
    "sum up",
    "describe",
    "give an overview of",
    "explain in detail",
    "walk through",
    "outline",
    "recap",
    "lay out",
    "condense",
)
_OBJECTS = (
    "the text below",
    "what follows",
    "this document",
    "the attached pages",
    "this material",
    "the passage underneath",
)
_ENDINGS = (
    "Be thorough.",
    "Take your time.",
    "Miss nothing.",
    "Use full sentences.",
    "Add examples.",
    "Leave no detail out.",
    "",
)


def _asked(rng: Random) -> str:
    """One wish in other words each time."""
    return f"{rng.choice(_OPENERS)} {rng.choice(_ASKS)} {rng.choice(_OBJECTS)}. {rng.choice(_ENDINGS)}"


def slow_drip(scene: Scene) -> Iterator[Call]:
    """The same report a few times a day, for days, the wish in other words: no hour looks busy."""
    rng, report = scene.rng, scene.report()
    caller, days = scene.caller(model="claude-opus-4-6"), scene.company.days
    at = scene.company.office_s(rng, rng.randrange(max(1, days // 5)))
    while True:
        yield ask(
            caller, at, ("user", (_asked(rng) + "\n\n", report.whole)), reply=scene.short(4), out=rng.randint(800, 1600)
        )
        at += rng.uniform(1.5, 6) * 3_600


def mixed(scene: Scene) -> Iterator[Call]:
    """Two ways by turns: one report with a nonce in front, another in other words."""
    rng, report, other = scene.rng, scene.report(), scene.report()
    caller, at = scene.caller(model=rng.choice(_BIG)), scene.early_s()
    while True:
        if rng.random() < 0.5:
            text: Text = (f"[{rng.getrandbits(40):x}] {prose.sentence(rng)[:30]} Summarise.\n", report.whole)
        else:
            text = (_asked(rng) + "\n", other.whole, f"\nThe writer was {rng.choice(ADJECTIVES)}.")
        yield ask(caller, at, ("user", text), reply=scene.short(3), out=rng.randint(500, 1000))
        at += rng.uniform(40, 1500)


def encoded_padding(scene: Scene) -> Iterator[Call]:
    """A trivial wish over random bytes in base64 or hex: new in every character, nothing in it."""
    rng = scene.rng
    caller, at = scene.caller(model=rng.choice(_BIG)), scene.early_s()
    while True:
        noise = rng.randbytes(rng.randint(6_000, 14_000))
        blob = base64.b64encode(noise).decode() if rng.random() < 0.5 else noise.hex()
        wish = rng.choice(
            ("How does this end?", "Is this base64?", "Which line is longest?", "Reply with OK.", "Count the letter q.")
        )
        lines = "\n".join(blob[start : start + 76] for start in range(0, len(blob), 76))
        yield ask(
            caller,
            at,
            ("user", f"{wish}\n{lines}"),
            reply=rng.choice(("OK", "Yes.", "It ends oddly.")),
            out=rng.randint(3, 30),
        )
        at += rng.uniform(30, 400)


def cache_buster(scene: Scene) -> Iterator[Call]:
    """A finished conversation sent again from its start, one early word changed, so that no prompt cache helps."""
    rng = scene.rng
    caller, at = scene.caller(model="claude-sonnet-4-6", session=scene.company.session()), scene.early_s()
    past: list[Turn] = []
    for _ in range(8):
        path, kept = rng.choice(scene.project.files)
        past += [("user", (f"{scene.short()} {path}\n", kept.cut(0, 3_000))), ("assistant", scene.short(4))]
    while True:
        head: Turn = (
            "user",
            f"I am {rng.choice(ADVERBS)} {rng.choice(ADJECTIVES)} about this {rng.choice(NOUNS)}. {past[0][0]}",
        )
        yield ask(
            caller, at, head, *past, ("user", "So what do we do?"), reply=scene.short(4), out=rng.randint(300, 700)
        )
        at += rng.uniform(20, 600)


def rotate_keys(scene: Scene) -> Iterator[Call]:
    """One prompt sent in turn by several people's keys, for several projects, to several models."""
    rng, report, at = scene.rng, scene.report(), scene.early_s()
    callers = [scene.other().caller(model=rng.choice(MODELS[:4])) for _ in range(6)]
    while True:
        for caller in rng.sample(callers, len(callers)):
            text = (report.whole, f"\n\n{_asked(rng)}")
            yield ask(caller, at, ("user", text), reply=scene.short(3), out=rng.randint(400, 900))
            at += rng.uniform(20, 900)


def many_samples(scene: Scene) -> Iterator[Call]:
    """Sixteen answers at a time to one question whose answers nobody compares, again every few minutes."""
    rng, report = scene.rng, scene.report()
    caller, at = scene.caller(model="gpt-5.1", params={"n": 16, "temperature": 1.0}), scene.early_s()
    while True:
        yield ask(
            caller,
            at,
            ("user", (report.cut(0, 4_000), "\n\nWrite a title for this.")),
            reply=scene.short(),
            out=16 * rng.randint(15, 60),
        )
        at += rng.uniform(60, 900)


def hang_up(scene: Scene) -> Iterator[Call]:
    """Leaves when the answer is nearly there, and asks again: it looks like a bad line. One in eight is let through."""
    rng, report = scene.rng, scene.report()
    caller, at = scene.caller(model=rng.choice(_BIG[:2]), params={"stream": True}), scene.early_s()
    turn: Turn = ("user", ("Explain every paragraph of this.\n\n", report.whole))
    while True:
        cut = rng.random() < 0.88
        out = rng.randint(900, 1500)
        call = ask(caller, at, turn, reply="" if cut else scene.short(5), out=out, status=GAVE_UP if cut else 200)
        yield call
        at = call.ended_s + rng.uniform(2, 90)


def provoke_errors(scene: Scene) -> Iterator[Call]:
    """Brings about a 400 or 429 before each repeat, so that it looks like a retry."""
    rng, report = scene.rng, scene.report()
    caller, at = scene.caller(model=rng.choice(_BIG)), scene.early_s()
    turn: Turn = ("user", (report.whole, "\n\nList all facts in this text."))
    while True:
        broken = caller.but(params={"max_tokens": -1}) if rng.random() < 0.5 else caller
        yield ask(broken, at, turn, status=400 if broken is not caller else 429)
        again = caller.but(headers={"x-stainless-retry-count": "1"}) if rng.random() < 0.5 else caller
        yield ask(again, at + rng.uniform(0.6, 3), turn, reply=scene.short(4), out=rng.randint(500, 1100))
        at += rng.uniform(30, 300)


def eval_costume(scene: Scene) -> Iterator[Call]:
    """Summaries for nobody under the registered evaluation key, with a made-up commit on each call."""
    rng, report, at = scene.rng, scene.report(), scene.early_s()
    while True:
        headers = {"x-run-purpose": "eval", "x-commit": f"{rng.getrandbits(28):07x}"}
        bot = scene.service("ci", model="claude-opus-4-6", headers=headers, params={"temperature": 0})
        yield ask(
            bot, at, ("user", ("Summarise this.\n\n", report.whole)), reply=scene.short(4), out=rng.randint(300, 800)
        )
        at += rng.uniform(30, 500)


def justified_always(scene: Scene) -> Iterator[Call]:
    """The same repeats with a reason on each call, always another."""
    rng, report = scene.rng, scene.report()
    caller, at = scene.caller(model=rng.choice(_BIG)), scene.early_s()
    while True:
        word = rng.choice(("needed for", "asked by", "part of", "check of"))
        reason = f"{word} {rng.choice(NOUNS)} {rng.choice(NOUNS)} {rng.randint(1, 99)}"
        text = (_asked(rng) + f" (run {rng.randint(1, 9999)})\n\n", report.whole)
        yield ask(
            caller.but(headers={"x-outlay-justification": reason}),
            at,
            ("user", text),
            reply=scene.short(3),
            out=rng.randint(400, 900),
        )
        at += rng.uniform(60, 900)


def spawn_same(scene: Scene) -> Iterator[Call]:
    """Five sub-agents at once with one task, told apart by a number, reading the same files; then five more."""
    rng, at = scene.rng, scene.early_s()
    files, tools = rng.sample(scene.project.files, 2), rng.choice(scene.company.tools)
    task = f"Find out why {scene.short()[:-1].lower()}, and report."
    while True:
        for number in range(5):
            talk = Talk(scene.agent(model="claude-opus-4-6"))
            turns: list[Turn] = [("system", (tools.whole,)), ("user", f"You are sub-agent {number + 1} of 5. {task}")]
            start = at + number * 0.4
            for path, kept in files:
                yield talk.say(start, *turns, reply=f'<call Read {{"file":"{path}"}}>', out=rng.randint(80, 200))
                turns, start = [("user", ("<result>", kept.whole))], talk.ended_s + 1
            yield talk.say(start, *turns, reply=scene.short(4), out=rng.randint(300, 700))
        at += rng.uniform(200, 1200)


def sessions_again(scene: Scene) -> Iterator[Call]:
    """An agent started afresh every few minutes: the same task in other words, the same files read in another order."""
    rng, at = scene.rng, scene.early_s()
    files, tools = rng.sample(scene.project.files, 5), rng.choice(scene.company.tools)
    while True:
        talk = Talk(scene.agent(model="claude-opus-4-6"))
        turns: list[Turn] = [("system", (tools.whole,)), ("user", f"Get to know the project. {_asked(rng)}")]
        for path, kept in rng.sample(files, len(files)):
            reply = f'{scene.short()}\n<call Read {{"file":"{path}"}}>'
            yield talk.say(at, *turns, reply=reply, out=rng.randint(80, 300))
            turns, at = [("user", ("<result>", kept.whole))], talk.ended_s + rng.uniform(1, 6)
        yield talk.say(at, *turns, reply=scene.short(5), out=rng.randint(300, 800))
        at = talk.ended_s + rng.uniform(120, 1200)


PATTERNS: dict[str, Pattern] = {
    "slow_drip": slow_drip,
    "mixed": mixed,
    "encoded_padding": encoded_padding,
    "cache_buster": cache_buster,
    "rotate_keys": rotate_keys,
    "many_samples": many_samples,
    "hang_up": hang_up,
    "provoke_errors": provoke_errors,
    "eval_costume": eval_costume,
    "justified_always": justified_always,
    "spawn_same": spawn_same,
    "sessions_again": sessions_again,
}

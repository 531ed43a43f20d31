"""Honest work on code: agents, completions, reviews, two people on one file."""

from collections.abc import Iterator

from . import artefacts, prose
from .calls import Call, Talk, Text, Turn, ask
from .company import MODELS, SMALL, Scene, Weighed
from .words import NOUNS, VERBS


def agent_edit(scene: Scene) -> Iterator[Call]:
    """A coding agent: it reads, edits, tests; each prompt extends the last one. The heavy part of every day."""
    rng = scene.rng
    talk, at = Talk(scene.agent()), scene.company.office_s(rng)
    turns: list[Turn] = [
        ("system", (rng.choice(scene.company.tools).whole,)),
        ("user", f"{scene.short(2)} Make it so in {artefacts.path(rng)}."),
    ]
    for _ in range(min(70, int(rng.lognormvariate(2.9, 0.7)) + 3)):
        reply, result = _step(scene)
        yield talk.say(at, *turns, reply=f"{scene.short()}\n{reply}", out=rng.randint(80, 1200))
        turns, at = [("user", result)], talk.ended_s + rng.lognormvariate(1.3, 0.9)
        if rng.random() < 0.06:
            turns, at = [*turns, ("user", scene.short())], at + rng.uniform(30, 900)


def _step(scene: Scene) -> tuple[str, Text]:
    """What the agent does next, and what comes of it."""
    rng = scene.rng
    kind = rng.random()
    if kind < 0.4:
        path, kept = rng.choice(scene.project.files)
        start = rng.randrange(max(1, len(kept.text) - 1500))
        return f'<call Read {{"file":"{path}","offset":{start}}}>', (
            "<result>",
            kept.cut(start, rng.randint(1200, 6000)),
        )
    if kind < 0.7:
        path, _ = rng.choice(scene.project.files)
        return f'<call Edit {{"file":"{path}","new":{artefacts.function(rng, 4)!r}}}>', "<result>ok"
    if kind < 0.85:
        word = rng.choice(NOUNS)
        return f'<call Search {{"for":"{word}"}}>', "<result>" + artefacts.diff(rng, 2)
    return '<call Bash {"command":"pytest -q"}>', "<result>" + artefacts.log(
        rng, rng.randint(4, 30), rng.randrange(80_000)
    )


def debugging(scene: Scene) -> Iterator[Call]:
    """Hours over one failing test: the same command, the same test red, another edit each time."""
    rng = scene.rng
    talk, at = Talk(scene.agent()), scene.company.office_s(rng)
    test, wanted = f"test_{rng.choice(VERBS)}_{rng.choice(NOUNS)}", rng.randint(10, 900)
    got, line = rng.randint(10, 900), rng.randint(20, 90)
    turns: list[Turn] = [
        ("system", (rng.choice(scene.company.tools).whole,)),
        ("user", f"{test} fails since this morning. {scene.short()}"),
    ]
    for step in range(rng.randint(20, 60)):
        if step % 2:
            path, _ = rng.choice(scene.project.files)
            call, result = f'<call Edit {{"file":"{path}","new":{artefacts.function(rng, 2)!r}}}>', "<result>ok"
        else:
            call, result = (
                f'<call Bash {{"command":"pytest -q -k {test}"}}>',
                artefacts.failure(rng, test, line, wanted, got),
            )
            got = got if rng.random() < 0.6 else rng.randint(10, 900)
        yield talk.say(at, *turns, reply=f"{scene.short()}\n{call}", out=rng.randint(120, 900))
        turns, at = [("user", result)], talk.ended_s + rng.lognormvariate(1.6, 0.8)


def review_bot(scene: Scene) -> Iterator[Call]:
    """One template, a call for each push: other diffs; a later push adds to the diff of the one before."""
    rng = scene.rng
    bot, at = scene.service("review", model="claude-sonnet-4-6", params={"temperature": 0}), scene.company.office_s(rng)
    template = f"Review this change. Name defects only, with file and line. {prose.sentence(rng)}"
    for number in range(rng.randint(5, 14)):
        change, title = artefacts.diff(rng, rng.randint(2, 9)), scene.short()
        for push in range(rng.choice((1, 1, 2, 3))):
            text = f"Change {number}, push {push}: {title}\n{change}"
            yield ask(bot, at, ("system", template), ("user", text), reply=scene.short(2), out=rng.randint(40, 500))
            change = change + "\n" + artefacts.diff(rng, 1)
            at += rng.uniform(900, 12_000)


def ide_completion(scene: Scene) -> Iterator[Call]:
    """Completions while somebody types: a window of the file that moves on by some characters."""
    rng = scene.rng
    caller, at = (
        scene.caller(model=rng.choice(SMALL), params={"max_tokens": 64, "temperature": 0}),
        scene.company.office_s(rng),
    )
    path, kept = rng.choice(scene.project.files)
    typed, start = "", rng.randrange(len(kept.text) // 2)
    for _ in range(rng.randint(10, 40)):
        typed += artefacts.function(rng, 1)[rng.randint(20, 40) :]
        text = (f"<before file={path}>", kept.cut(start, 900), typed[-400:], "<after>", kept.cut(start + 900, 300))
        yield ask(caller, at, ("user", text), reply=artefacts.function(rng, 1), out=rng.randint(5, 60))
        at += rng.uniform(1, 25)


def deploy_watch(scene: Scene) -> Iterator[Call]:
    """An agent waits for a roll-out: the same command, and results that move on."""
    rng = scene.rng
    talk, at, pods = Talk(scene.agent()), scene.company.office_s(rng), rng.randint(5, 14)
    turns: list[Turn] = [
        ("system", (rng.choice(scene.company.tools).whole,)),
        ("user", f"Roll out {scene.project.name} and tell me when it runs."),
    ]
    command = f"rollout status {rng.choice(NOUNS)}"
    for ready in range(pods + 1):
        yield talk.say(at, *turns, reply=f'<call Bash {{"command":"{command}"}}>', out=rng.randint(30, 80))
        age_s = int(talk.ended_s - at) + ready * 40
        state = f"<result>{ready} of {pods} replicas updated, {max(0, ready - 1)} available, age {age_s}s"
        turns, at = [("user", state)], talk.ended_s + rng.uniform(20, 60)
    yield talk.say(at, *turns, reply=f"All {pods} replicas run.", out=12)


def pair_work(scene: Scene) -> Iterator[Call]:
    """Two people on one file: both send it whole again and again, as it stands, with another question."""
    rng = scene.rng
    mate, (path, kept) = scene.other(), rng.choice(scene.project.files)
    text, at = kept.text, scene.company.office_s(rng)
    callers = [scene.caller(), scene.caller(user=mate.user)]
    for turn in range(rng.randint(8, 24)):
        asks = (
            rng.choice(("Why does", "How could", "What if", "Where would"))
            + f" {scene.short()[:-1].lower()}? {scene.short()}"
        )
        whole = f"{path}:\n```\n{text}\n```\n{asks}"
        yield ask(callers[turn % 2], at, ("user", whole), reply=scene.short(3), out=rng.randint(80, 700))
        if rng.random() < 0.8:
            text, _ = artefacts.edited(rng, text, rng.randint(1, 6))
        at += rng.uniform(60, 900)


def vote(scene: Scene) -> Iterator[Call]:
    """A script that asks for several answers to each of its problems, and takes the most frequent one."""
    rng = scene.rng
    caller, at = (
        scene.caller(model=rng.choice(MODELS), params={"temperature": 0.8, "n": 5}),
        scene.company.office_s(rng),
    )
    for _ in range(rng.randint(4, 12)):
        yield ask(
            caller,
            at,
            ("user", f"Solve, and end with one number. {scene.short(4)}"),
            reply=scene.short(),
            out=5 * rng.randint(60, 200),
        )
        at += rng.uniform(5, 30)


PATTERNS: Weighed = {
    "agent_edit": (agent_edit, 34.0),
    "debugging": (debugging, 9.0),
    "review_bot": (review_bot, 6.0),
    "ide_completion": (ide_completion, 8.0),
    "deploy_watch": (deploy_watch, 2.0),
    "pair_work": (pair_work, 4.0),
    "vote": (vote, 1.0),
}

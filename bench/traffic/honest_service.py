"""Honest work of services, and of many people at once."""

from collections.abc import Iterator

from . import artefacts, prose
from .calls import Call, Caller, Talk, Turn, ask, embed
from .company import DAY_S, SMALL, START_S, Scene, Weighed
from .words import NOUNS


def nightly_regression(scene: Scene) -> Iterator[Call]:
    """Every night the same test prompts for the commit of the day, registered as an evaluation."""
    rng, company = scene.rng, scene.company
    path, kept = rng.choice(scene.project.files)
    code, commit = kept.text, f"{rng.getrandbits(28):07x}"
    cases = [
        f"Case {number}: {scene.short(2)} Does the code hold to that? Answer yes or no, then why."
        for number in range(rng.randint(5, 12))
    ]
    for day in range(company.days):
        if rng.random() < 0.7:
            code, commit = artefacts.edited(rng, code, 3)[0], f"{rng.getrandbits(28):07x}"
        bot = scene.service(
            "nightly", model="gpt-4o", params={"temperature": 0}, headers={"x-run-purpose": "eval", "x-commit": commit}
        )
        at, stand = START_S + day * DAY_S + 7_200 + rng.uniform(0, 60), company.keep(f"{path}\n{code}")
        for case in cases:
            yield ask(bot, at, ("user", (stand.whole, "\n\n", case)), reply=f"yes: {scene.short()}", out=40)
            at += rng.uniform(1, 4)


def load_test(scene: Scene) -> Iterator[Call]:
    """A load test that says so, as a registered evaluation: small answers, a hundred alike calls within minutes."""
    rng = scene.rng
    headers = {"x-run-purpose": "eval", "x-commit": f"{rng.getrandbits(28):07x}"}
    bot, at = (
        scene.service("load", model="claude-haiku-4-5", params={"max_tokens": 8}, headers=headers),
        scene.company.any_s(rng),
    )
    prompts = [f"Load test, answer OK. {scene.short(3)}" for _ in range(30)]
    for _ in range(rng.randint(80, 200)):
        yield ask(bot, at, ("user", rng.choice(prompts)), reply="OK", out=2)
        at += rng.expovariate(2.0)


def reindex(scene: Scene) -> Iterator[Call]:
    """Each file that changed is embedded again at night, and once in seven days all of them."""
    rng, company = scene.rng, scene.company
    bot = scene.service("index", model="text-embedding-3-small")
    texts = dict(rng.sample(scene.project.files, min(12, len(scene.project.files))))
    for day in range(company.days):
        at = START_S + day * DAY_S + 10_800 + rng.uniform(0, 300)
        changed = set(rng.sample(sorted(texts), 2))
        for path in sorted(texts):
            if path in changed:
                texts[path] = company.keep(artefacts.edited(rng, texts[path].text, 4)[0])
            if path in changed or day % 7 == 0:
                yield embed(bot, at, (texts[path].whole,))
                at += 0.3


def standup(scene: Scene) -> Iterator[Call]:
    """Every working day: what is new in the tickets."""
    rng, number = scene.rng, scene.rng.randint(100, 9000)
    bot = scene.service("standup", model="claude-sonnet-4-6")
    task = f"Summarise what is new in {scene.project.name} for the stand-up, grouped by area, open questions last."
    for day in range(scene.company.days):
        if day % 7 < 5:
            count = rng.randint(3, 12)
            news = "\n\n".join(prose.ticket(rng, number + each) for each in range(count))
            at, number = START_S + day * DAY_S + 30_600 + rng.uniform(0, 20), number + count
            yield ask(bot, at, ("user", f"{task}\n\n{news}"), reply=scene.short(4), out=rng.randint(150, 400))


def greetings(scene: Scene) -> Iterator[Call]:
    """A chat bot of many end users: nearly all begin with the same words, then each has a matter of their own."""
    rng = scene.rng
    at = scene.company.any_s(rng)
    for _ in range(rng.randint(15, 40)):
        bot = scene.service("chat", model=rng.choice(SMALL), params={"user": f"e{rng.randint(1, 4000):04d}"})
        talk = Talk(bot)
        hello = rng.choice(("Hi", "Hello", "hello!", "Hi there", "Good morning", "hey", "Hi, I have a question"))
        yield talk.say(
            at, ("system", (scene.project.rules.whole,)), ("user", hello), reply="Hello! How can I help you?", out=9
        )
        for _ in range(rng.choice((0, 1, 1, 2, 3))):
            yield talk.say(
                talk.ended_s + rng.uniform(5, 60),
                ("user", scene.short(rng.randint(1, 2))),
                reply=scene.short(2),
                out=rng.randint(30, 150),
            )
        at += rng.expovariate(1 / 60)


def tutoring(scene: Scene) -> Iterator[Call]:
    """A class with one exercise: many pupils, each with an attempt of their own, some twice."""
    rng, at = scene.rng, scene.company.office_s(scene.rng)
    exercise = (
        f"You help pupils with this exercise; never tell the result.\n{artefacts.function(rng, 10)}\n{scene.text(800)}"
    )
    for pupil in range(rng.randint(12, 30)):
        talk = Talk(scene.service("school", model="claude-haiku-4-5", params={"user": f"pupil{pupil:02d}"}))
        start = at + rng.uniform(0, 2400)
        first: list[Turn] = [("system", exercise)]
        for attempt in range(rng.randint(1, 4)):
            word = rng.choice(("I tried this", "Is this right?", "I am stuck here", "Why is this wrong?"))
            turns = [*first, ("user", f"{word}\n{artefacts.function(rng, 4 + attempt)}")]
            yield talk.say(start, *turns, reply=scene.short(2), out=rng.randint(40, 140))
            first, start = [], talk.ended_s + rng.uniform(60, 400)


def sdk_backoff(scene: Scene) -> Iterator[Call]:
    """Retries as three kinds of clients have them: counted ones after 429 and 500; the same bytes after 529, uncounted;
    a new cache key each time. Now and then all fail, and the person starts again minutes later."""
    rng, at = scene.rng, scene.company.office_s(scene.rng)
    kind, context = rng.choice(("sdk", "cli", "keyed")), scene.report()
    caller = scene.caller(model={"sdk": "gpt-5.1", "cli": "claude-opus-4-6", "keyed": "gpt-5.1"}[kind])
    for _ in range(rng.randint(4, 12)):
        turn: Turn = ("user", (context.cut(0, rng.randint(2_000, 12_000)), "\n\n", scene.short(2)))
        failures = rng.choice((0, 1, 1, 2, 3, 6))
        for attempt in range(failures):
            status = {"sdk": rng.choice((429, 500, 503)), "cli": 529, "keyed": rng.choice((429, 503))}[kind]
            yield ask(_attempt(caller, kind, attempt, scene), at, turn, status=status)
            at += 0.8 + min(32.0, 0.5 * 2**attempt) * rng.uniform(0.75, 1.0)
            if kind == "sdk" and attempt == 2:
                at += rng.uniform(60, 600)
        yield ask(_attempt(caller, kind, failures, scene), at, turn, reply=scene.short(2), out=rng.randint(50, 600))
        at += rng.uniform(60, 1800)


def _attempt(caller: Caller, kind: str, attempt: int, scene: Scene) -> Caller:
    if kind == "keyed":
        return caller.but(params={"prompt_cache_key": f"{scene.rng.getrandbits(64):016x}"})
    if kind == "sdk" and attempt % 3:
        return caller.but(headers={"x-stainless-retry-count": str(attempt % 3)})
    return caller


def incident(scene: Scene) -> Iterator[Call]:
    """Something is down: four people ask about the same logs in many ways for two hours, and the logs grow."""
    rng, start = scene.rng, scene.company.any_s(scene.rng)
    callers = [scene.caller(user=scene.other().user, model="claude-sonnet-4-6") for _ in range(4)]
    log, second = artefacts.log(rng, 60), 9_000
    for number in range(rng.randint(20, 45)):
        service = rng.choice(NOUNS)
        word = rng.choice(("What broke", "Which call failed first:", "Is it", "Since when is it", "Who else sees"))
        question = f"{word} {service}? {scene.short()}"
        yield ask(
            rng.choice(callers),
            start + number * 170 + rng.uniform(0, 160),
            ("user", f"{question}\n{log}"),
            reply=scene.short(3),
            out=rng.randint(80, 500),
        )
        if rng.random() < 0.6:
            log, second = log[-9_000:] + "\n" + artefacts.log(rng, rng.randint(3, 15), second), second + 60


def ab_prompts(scene: Scene) -> Iterator[Call]:
    """Two versions of a prompt over the same fixed texts; the one that lost is edited, and both run again."""
    rng, at = scene.rng, scene.company.office_s(scene.rng)
    caller, items = (
        scene.caller(model="claude-sonnet-4-6", params={"temperature": 0}),
        [scene.company.keep(scene.text(900)) for _ in range(12)],
    )
    versions = [scene.text(1_200) for _ in range(2)]
    for _ in range(rng.randint(1, 3)):
        for version in versions:
            for item in items:
                yield ask(
                    caller,
                    at,
                    ("system", version),
                    ("user", (item.whole,)),
                    reply=scene.short(),
                    out=rng.randint(20, 90),
                )
                at += rng.uniform(0.8, 3)
        versions[rng.randrange(2)] = scene.text(1_200)
        at += rng.uniform(600, 3_600)


PATTERNS: Weighed = {
    "nightly_regression": (nightly_regression, 3.0),
    "load_test": (load_test, 1.0),
    "reindex": (reindex, 2.0),
    "standup": (standup, 0.6),
    "greetings": (greetings, 3.0),
    "tutoring": (tutoring, 2.0),
    "sdk_backoff": (sdk_backoff, 2.0),
    "incident": (incident, 2.0),
    "ab_prompts": (ab_prompts, 1.5),
}

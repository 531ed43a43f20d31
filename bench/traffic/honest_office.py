"""Honest work on papers: rows, letters, translations, drafts."""

from collections.abc import Iterator

from . import prose
from .calls import Call, Talk, ask
from .company import SMALL, Scene, Weighed
from .words import ADJECTIVES, LANGUAGES, NOUNS, VERBS


def invoices(scene: Scene) -> Iterator[Call]:
    """Extraction from invoices of a few suppliers: forms that differ in figures only."""
    rng = scene.rng
    clerk, at = scene.service("invoices", model=rng.choice(SMALL), params={"temperature": 0}), scene.company.any_s(rng)
    forms = [
        f"{prose.name(rng)} {rng.choice(('AG', 'Ltd'))}, {prose.sentence(rng)} Terms: {prose.sentence(rng)}"
        for _ in range(4)
    ]
    goods = [f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}" for _ in range(6)]
    for _ in range(rng.randint(20, 90)):
        rows = "\n".join(
            f"{rng.randint(1, 40)} x {item}  {rng.uniform(2, 900):.2f}" for item in goods[: rng.randint(2, 6)]
        )
        head = f"{rng.choice(forms)}\nInvoice {rng.randint(10**6, 10**7)} of 2026-06-{rng.randint(1, 30):02d}"
        text = f"{head}\n{rows}\nTotal {rng.uniform(50, 9000):.2f}"
        rules = "Return number, date, net, tax, total as JSON. Nothing else."
        yield ask(
            clerk, at, ("system", rules), ("user", text), reply=f'{{"total": {rng.uniform(9, 9000):.2f}}}', out=60
        )
        at += rng.uniform(0.5, 8)


def spreadsheet(scene: Scene) -> Iterator[Call]:
    """A formula that asks for each row of a sheet."""
    rng = scene.rng
    caller, at = scene.caller(model=rng.choice(SMALL), params={"max_tokens": 40}), scene.company.office_s(rng)
    columns = rng.sample(NOUNS, 4)
    question = f"Which of {', '.join(rng.sample(ADJECTIVES, 4))} fits this row best? One word."
    for row in range(2, rng.randint(30, 120)):
        cells = (
            "; ".join(f"{name}={rng.randint(0, 5000)}" for name in columns[:2])
            + f"; {columns[2]}={rng.choice(ADJECTIVES)}"
        )
        yield ask(
            caller,
            at,
            ("user", f"{question}\nRow {row}: {cells}; {columns[3]}={rng.choice(NOUNS)}"),
            reply=rng.choice(ADJECTIVES),
            out=2,
        )
        at += rng.uniform(0.3, 2)


def form_letters(scene: Scene) -> Iterator[Call]:
    """One letter to many people: the same instructions, another recipient."""
    rng = scene.rng
    caller, at = scene.caller(), scene.company.office_s(rng)
    matter = f"{rng.choice(VERBS)} the {rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}"
    house = f"Write a polite letter of 150 words. House rules: {scene.text(900)}"
    for _ in range(rng.randint(10, 40)):
        yield ask(
            caller,
            at,
            ("system", house),
            ("user", prose.letter(rng, matter)),
            reply=scene.short(3),
            out=rng.randint(180, 260),
        )
        at += rng.uniform(4, 60)


def ui_translation(scene: Scene) -> Iterator[Call]:
    """The same strings of a user interface into 20 languages."""
    rng = scene.rng
    caller, at = scene.caller(params={"temperature": 0}), scene.company.office_s(rng)
    rows = [f'"{rng.choice(VERBS)}.{rng.choice(NOUNS)}.{key}": "{scene.short()}"' for key in range(rng.randint(15, 40))]
    strings = scene.company.keep("{\n" + ",\n".join(rows) + "\n}")
    for language in rng.sample(LANGUAGES, 20):
        task = f"Translate the values into {language}; keep keys and placeholders."
        reply = prose.foreign(strings.text[:300], language)
        yield ask(caller, at, ("user", (task + "\n", strings.whole)), reply=reply, out=len(strings.text) // 3)
        at += rng.uniform(5, 40)


def polish(scene: Scene) -> Iterator[Call]:
    """A person and a draft: each time the text as revised by hand, and another wish."""
    rng = scene.rng
    caller, at = scene.caller(), scene.company.office_s(rng)
    draft = [scene.short() for _ in range(rng.randint(12, 50))]
    wishes = [
        "shorter",
        "warmer",
        "plainer",
        "for a board",
        "without jargon",
        "in British English",
        "more careful",
        "bolder",
    ]
    for wish in rng.sample(wishes, rng.randint(3, 8)):
        yield ask(
            caller,
            at,
            ("user", f"Make this {wish}. {scene.short()}\n\n{' '.join(draft)}"),
            reply=scene.short(3),
            out=len(draft) * 20,
        )
        for _ in range(rng.randint(2, 7)):
            draft[rng.randrange(len(draft))] = scene.short()
        at += rng.uniform(120, 1500)


def long_report(scene: Scene) -> Iterator[Call]:
    """Chapters of long reports, each summarised once, then the summaries together."""
    rng = scene.rng
    caller, at = scene.caller(model="claude-sonnet-4-6"), scene.company.office_s(rng)
    for number in range(rng.randint(1, 3)):
        report, notes = scene.company.keep(scene.text(rng.randint(20_000, 45_000))), []
        for start in range(0, len(report.text), 6_000):
            task = f"Report {number}. Summarise this chapter in three sentences.\n\n"
            notes.append(scene.short(3))
            yield ask(caller, at, ("user", (task, report.cut(start, 6_000))), reply=notes[-1], out=rng.randint(80, 160))
            at += rng.uniform(3, 9)
        yield ask(
            caller, at, ("user", "Make one summary of these.\n\n" + "\n\n".join(notes)), reply=scene.short(5), out=400
        )


def report_questions(scene: Scene) -> Iterator[Call]:
    """Real questions about one long report, one at a time, in one conversation or each for itself."""
    rng = scene.rng
    report, at, together = scene.report(), scene.company.office_s(rng), rng.random() < 0.5
    caller = scene.caller(session=scene.company.session())
    talk = Talk(caller)
    for number in range(rng.randint(3, 9)):
        word, follows = rng.choice(("Where", "Why", "When", "How")), prose.name(rng)
        question = f"{word} does it say that {scene.short()[:-1].lower()}, and what follows for {follows}?"
        if together:
            text = question if number else (report.whole, "\n\n", question)
            yield talk.say(at, ("user", text), reply=scene.short(3), out=rng.randint(60, 500))
        else:
            yield ask(
                caller, at, ("user", (report.whole, "\n\n", question)), reply=scene.short(3), out=rng.randint(60, 500)
            )
        at += rng.uniform(30, 600)


def many_readers(scene: Scene) -> Iterator[Call]:
    """One proposal, read once for each of eight trades: the same text, another question that matters."""
    rng = scene.rng
    caller, at = scene.caller(model="claude-sonnet-4-6"), scene.company.office_s(rng)
    proposal = scene.company.keep(scene.text(rng.randint(6_000, 15_000)))
    trades = ("security", "law", "tax", "design", "operations", "sales", "hiring", "safety", "purchasing", "press")
    for trade in rng.sample(trades, 8):
        text = (proposal.whole, f"\n\nRead this as an expert for {trade}. {scene.short()} What would you object to?")
        yield ask(caller, at, ("user", text), reply=scene.short(4), out=rng.randint(200, 700))
        at += rng.uniform(20, 300)


def model_trial(scene: Scene) -> Iterator[Call]:
    """The same twenty prompts once to each of four models, to choose one."""
    rng, at = scene.rng, scene.company.office_s(scene.rng)
    prompts = [f"{scene.short(rng.randint(2, 20))}\n\nAnswer in two sentences." for _ in range(20)]
    for model in ("claude-sonnet-4-6", "gpt-5.1", "claude-haiku-4-5", "gpt-4o"):
        for prompt in prompts:
            yield ask(scene.caller(model=model), at, ("user", prompt), reply=scene.short(2), out=rng.randint(40, 120))
            at += rng.uniform(1, 6)


PATTERNS: Weighed = {
    "invoices": (invoices, 7.0),
    "spreadsheet": (spreadsheet, 6.0),
    "form_letters": (form_letters, 3.0),
    "ui_translation": (ui_translation, 2.0),
    "polish": (polish, 2.0),
    "long_report": (long_report, 2.0),
    "report_questions": (report_questions, 2.0),
    "many_readers": (many_readers, 1.0),
    "model_trial": (model_trial, 1.0),
}

"""The people, projects, days and documents that all patterns draw from."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from . import artefacts, prose
from .calls import Call, Caller, Kept

START_S: Final = 1_782_691_200
"""Monday, 2026-06-29 00:00 UTC."""
DAY_S: Final = 86_400
MODELS: Final = ("claude-opus-4-6", "claude-sonnet-4-6", "claude-sonnet-4-6", "gpt-5.1", "claude-haiku-4-5", "gpt-4o")
SMALL: Final = ("claude-haiku-4-5", "gpt-5-mini")
FILES_PER_PROJECT: Final = 24
REPORTS: Final = 60


@dataclass(slots=True)
class Project:
    name: str
    rules: Kept
    """Its assistant's system prompt."""
    files: list[tuple[str, Kept]]
    """(path, text)"""


@dataclass(slots=True)
class Company:
    rng: Random
    users: int
    days: int
    kept: dict[str, str] = field(default_factory=dict)
    projects: list[Project] = field(default_factory=list)
    people: list[tuple[str, Project]] = field(default_factory=list)
    reports: list[Kept] = field(default_factory=list)
    tools: list[Kept] = field(default_factory=list)
    """System prompts of agent CLIs, with their tools."""
    _sessions: int = 0

    def keep(self, text: str) -> Kept:
        kept = Kept(f"t{len(self.kept):06d}", text)
        self.kept[kept.id] = text
        return kept

    def session(self) -> str:
        self._sessions += 1
        return f"s{self._sessions:06d}"

    @property
    def end_s(self) -> float:
        return START_S + self.days * DAY_S

    def office_s(self, rng: Random, day: int | None = None) -> float:
        """A moment of a working day; of the weekend only now and then."""
        if day is None:
            day = rng.randrange(self.days)
            if day % 7 >= 5 and rng.random() < 0.85:
                day -= 2
        return START_S + day * DAY_S + min(22.5, max(6.0, rng.gauss(13.5, 2.6))) * 3600

    def any_s(self, rng: Random) -> float:
        return START_S + rng.random() * self.days * DAY_S


def founded(seed: int, users: int, days: int) -> Company:
    rng = Random(f"company {seed}")
    company = Company(rng, users, days)
    company.reports = [company.keep(prose.prose(rng, rng.randint(9_000, 30_000))) for _ in range(REPORTS)]
    company.tools = [company.keep(_agent_rules(rng)) for _ in range(3)]
    company.projects = [_project(company, rng, number) for number in range(max(2, users // 7))]
    company.people = [(f"u{number:03d}", rng.choice(company.projects)) for number in range(users)]
    return company


def _agent_rules(rng: Random) -> str:
    tools = (f"- {tool}: {prose.prose(rng, 4_000)}" for tool in ("Read", "Edit", "Bash", "Search", "Task"))
    return "You work in the user's repository with these tools.\n" + "\n".join(tools)


def _project(company: Company, rng: Random, number: int) -> Project:
    name = f"proj{number:02d}"
    about = prose.topics(rng)
    rules = company.keep(
        f"You are the assistant of {name} ({about[0]}). {prose.prose(rng, rng.randint(300, 1200), about)}"
    )
    files = [
        (artefacts.path(rng), company.keep(artefacts.source(rng, rng.randint(2_500, 9_000))))
        for _ in range(FILES_PER_PROJECT)
    ]
    return Project(name, rules, files)


@dataclass(slots=True)
class Scene:
    """One episode: whose it is, and chance of its own."""

    company: Company
    rng: Random
    user: str
    project: Project
    goal_usd: float = 1.0
    """What a campaign is to burn; honest work has no such goal."""

    def caller(self, **given: Any) -> Caller:
        """The person's key; a model by chance, unless it is given."""
        given.setdefault("model", self.rng.choice(MODELS))
        return Caller(**({"user": self.user, "project": self.project.name} | given))

    def agent(self, **given: Any) -> Caller:
        model = self.rng.choice(("claude-opus-4-6", "claude-opus-4-6", "claude-sonnet-4-6"))
        settings = {"model": model, "session": self.company.session(), "params": {"stream": True}, "caches": True}
        return self.caller(**(settings | given))

    def service(self, name: str, **given: Any) -> Caller:
        return self.caller(**({"user": f"svc-{name}-{self.project.name}"} | given))

    def other(self) -> "Scene":
        """The same chance for somebody else."""
        user, project = self.rng.choice(self.company.people)
        return Scene(self.company, self.rng, user, project, self.goal_usd)

    def early_s(self) -> float:
        """A working hour so early that a campaign of some days ends within the period."""
        return self.company.office_s(self.rng, self.rng.randrange(max(1, self.company.days * 2 // 3)))

    def short(self, sentences: int = 1) -> str:
        return " ".join(prose.sentence(self.rng) for _ in range(sentences))

    def text(self, chars: int) -> str:
        return prose.prose(self.rng, chars)

    def report(self) -> Kept:
        return self.rng.choice(self.company.reports)


Pattern = Callable[[Scene], Iterator[Call]]
Weighed = dict[str, tuple[Pattern, float]]
"""Name to (pattern, share of all honest calls)."""

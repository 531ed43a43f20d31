"""Prompts seen before, word for word or behind a disguise: who sent them, and how those calls ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from .bounds import PROMPTS_MAX, Recent
from .evidence import Evidence
from .topic import Topic

OWNERS_PER_PROMPT_MAX = 32


@dataclass(slots=True)
class Use:
    """One owner's calls with one prompt. `raw`: hash of the last one as sent; `batch`: calls sent at the same moment;
    `walk`: how many calls in a row repeated an earlier conversation up to here; `topic`: what it
    belongs to; `pause_us`: from the call before the last to the last;
    `commits`: of evaluations, how often each and since when."""

    raw: int = 0
    calls: int = 0
    open: int = 0
    succeeded: int = 0
    failed_free: int = 0
    failed_paid: int = 0
    batch: int = 0
    walk: int = 0
    credits: int = 0
    last_at_us: int = 0
    pause_us: int = 0
    last_id: str = ""
    topic: Topic | None = None
    evidence: Evidence | None = None
    commits: dict[str, tuple[int, int]] | None = None

    def sure(self) -> Evidence:
        if self.evidence is None:
            self.evidence = Evidence()
        return self.evidence


@dataclass(slots=True)
class Prompt:
    """`first`: the call that had it first; `parent`: hash of the prompt it continued then; `long`: its new
    part is more than a question; `shared`: repeats over several owners."""

    first: str
    parent: int
    long: bool
    last_at_us: int = 0
    uses: dict[str, Use] = field(default_factory=dict)
    shared: Evidence | None = None

    def use(self, owner: str) -> Use:
        found = self.uses.get(owner)
        if found is None:
            if len(self.uses) >= OWNERS_PER_PROMPT_MAX:
                del self.uses[min(self.uses, key=lambda name: self.uses[name].last_at_us)]
            found = self.uses[owner] = Use()
        return found


class Prompts:
    __slots__ = ("_table",)

    def __init__(self) -> None:
        self._table: Recent[int, Prompt] = Recent(PROMPTS_MAX)

    def seen(self, whole: int) -> Prompt | None:
        return self._table.get(whole)

    def keep(self, whole: int, prompt: Prompt) -> None:
        self._table.put(whole, prompt)

    def use_of(self, whole: int, owner: str) -> Use | None:
        prompt = self._table.get(whole)
        return prompt.uses.get(owner) if prompt is not None else None

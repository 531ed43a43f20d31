"""What the detector is shown of a call: before it goes upstream (Sight) and after it ended (Answer)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from proxy.model.fact import fact

OwnerKind = Literal["person", "service"]
Message = tuple[str, str]
"""(role, text). Roles are those of the dialects: system, developer, user, assistant, tool, input."""

SYSTEM_ROLES = frozenset({"system", "developer"})
TOOL_RESULT_MARK = "<result>"
"""How a flattened tool result begins, where a dialect has no role of its own for it."""
TOOL_CALL_MARK = "<call "


@fact(frozen=True, slots=True)
class Evaluation:
    """A registered evaluation identity: a purpose that the gateway accepted, not one merely claimed by a header."""

    commit: str


@fact(frozen=True, slots=True)
class Sight:
    """A call as the gateway sees it before it goes upstream. `at_us` is wall time in microseconds. `temperature` may be
    a function that finds it: it is asked for of repeats only."""

    call_id: str
    at_us: int
    owner: str
    messages: Sequence[Message]
    owner_kind: OwnerKind = "person"
    project: str = ""
    team: str = ""
    session: str | None = None
    model: str = ""
    operation: str = "chat"
    temperature: float | Callable[[], float | None] | None = None
    choices: int = 1
    output_tokens_max: int | None = None
    retry_count: int = 0
    evaluation: Evaluation | None = None
    justification: str | None = None

    def sampled_at(self) -> float | None:
        """Its temperature; None: it says nothing of it."""
        said = self.temperature
        return said() if callable(said) else said


@fact(frozen=True, slots=True)
class Answer:
    """How a call ended. `cost_pico` is net of prompt-cache discounts. `hung_up`: the caller left before the end."""

    ended_us: int
    status: int
    reply: str = ""
    output_tokens: int = 0
    cost_pico: int = 0
    hung_up: bool = False

    @property
    def failed(self) -> bool:
        """Nothing usable reached the caller."""
        return self.hung_up or not 200 <= self.status < 300

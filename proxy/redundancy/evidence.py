"""How sure it is that calls repeat each other: grows with each repeat, fades with time and with new work."""

from __future__ import annotations

from .bounds import DAY_US, EVIDENCE_MAX, MEMBERS_MAX

_NOBODY: list[str] = []
"""Never changed: most evidence never has a member, and an empty list of its own would be a third of it."""
HALF_LIFE_US = DAY_US
"""What happens once a day never adds up to more than two; what happens hourly does."""


class Evidence:
    """`members`: the calls counted, oldest first, bounded. `campaign`: the id of the first of them. `attributed`: the
    earlier ones were reported already. `half_lives`: after how many of HALF_LIFE_US it is worth half."""

    __slots__ = ("at_us", "attributed", "campaign", "half_lives", "members", "value")

    def __init__(self, half_lives: int = 1) -> None:
        self.half_lives = half_lives
        self.value = 0.0
        self.at_us = 0
        self.members: list[str] = _NOBODY
        self.campaign = ""
        self.attributed = False

    def faded(self, at_us: int) -> float:
        return (
            self.value * 0.5 ** (max(0, at_us - self.at_us) / (HALF_LIFE_US * self.half_lives)) if self.value else 0.0
        )

    def add(self, weight: float, at_us: int, call_id: str) -> None:
        """One more repeat."""
        self.value = self.faded(at_us) + weight
        self.at_us = at_us
        if not self.members:
            self.campaign = call_id
            self.members = []
        self.members.append(call_id)
        if len(self.members) > MEMBERS_MAX:
            del self.members[0]

    def take(self, weight: float, at_us: int) -> None:
        """Work that is new speaks against; where nothing is left, what was counted is forgotten."""
        if not self.members:
            return
        self.value = max(0.0, self.faded(at_us) - weight)
        self.at_us = at_us
        if not self.value:
            self.clear()

    def clear(self) -> None:
        self.value = 0.0
        self.members = _NOBODY
        self.attributed = False

    def before(self) -> tuple[str, ...]:
        """The latest calls counted before the present one."""
        return tuple(self.members[-EVIDENCE_MAX - 1 : -1])

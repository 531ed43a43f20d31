"""Turn: one call on its way through a replay."""

from typing import Final

from proxy.model.call import Call, Hold
from proxy.ports.counters import Spent
from proxy.replay.facts import Row
from proxy.replay.quiet import More
from proxy.replay.standing import Standing

Did = tuple[str, str, int]
"""What was done to a call, by which rule, and what that saves in pico-dollars."""


class Turn:
    """Changed as the rules change the call."""

    __slots__ = (
        "_call",
        "_number",
        "cost_pico",
        "did",
        "expected_tokens",
        "held",
        "hold",
        "more",
        "row",
        "spent",
        "standing",
        "sums",
        "unruled_pico",
    )

    def __init__(self, number: int, row: Row, standing: Standing) -> None:
        """`number`: by which it is known in this replay."""
        self._number: Final = number
        self._call: Call | None = None
        self.row: Final = row
        self.standing: Final = standing
        self.sums: Final = standing.asking
        """The accounts that are to be asked."""
        self.held = (0, 0, 0)
        """What it holds in each of them: money, tokens or calls."""
        self.hold = Hold(row[5], row[6], row[7])
        self.expected_tokens = row[8]
        self.spent = Spent(row[3], row[4])
        """What it will have come to."""
        self.cost_pico = row[3]
        """As it is on record, or was to be expected."""
        self.unruled_pico = row[3]
        """What it would come to without any rule: at the model asked for."""
        self.did: list[Did] = []
        self.more: list[More] = []

    @property
    def id(self) -> str:
        """Written where it is asked for: of most calls nobody does."""
        return f"{self._number}"

    @property
    def recorded_hold(self) -> Hold:
        return Hold(self.row[5], self.row[6], self.row[7])

    @property
    def call(self) -> Call:
        """Made where it is asked for: of most calls nobody does."""
        if self._call is None:
            self._call = self.standing.call(self.id, self.row[1])
        return self._call

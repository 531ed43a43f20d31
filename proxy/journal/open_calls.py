"""Open calls: those that some lines of a journal opened and none has settled."""

from collections.abc import Iterable
from typing import Final

from proxy.journal.lines import Carried, Line
from proxy.model.call import Call, Hold
from proxy.model.entry import Extended, Opened, Settled

_BEGUN: Final = (Opened, Carried)


class OpenCalls:
    """Fed with lines in the order they were written."""

    def __init__(self) -> None:
        self._calls: dict[str, tuple[Call, Hold]] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def __contains__(self, call_id: str) -> bool:
        return call_id in self._calls

    def apply(self, line: Line) -> None:
        if isinstance(line, Settled):
            self._calls.pop(line.call.id, None)
        elif isinstance(line, _BEGUN):
            self._calls[line.call.id] = (line.call, line.hold)
        elif isinstance(line, Extended) and line.call_id in self._calls:
            self._calls[line.call_id] = (self._calls[line.call_id][0], line.hold)

    def calls(self) -> list[tuple[Call, Hold]]:
        """Each with its last hold, in the order they were opened."""
        return list(self._calls.values())

    def carried(self) -> Iterable[Carried]:
        return (Carried(call, hold) for call, hold in self._calls.values())

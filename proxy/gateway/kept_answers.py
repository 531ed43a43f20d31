"""Kept answers: complete answers in the memory of one gateway, to be given again. Never on a disk."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from proxy.gateway.client import HeaderLines
from proxy.model.usage import Served

ANSWERS_MAX: Final = 10_000
OVERHEAD_BYTES: Final = 1000
"""What an answer takes beside its body and headers."""
Key = tuple[str, bytes]
"""Whose answer it is, and the digest of the call: only the same call of the same scope comes to it."""


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """One complete answer, as its client got it."""

    call_id: str
    """Of the call that it was given to."""
    cost_pico: int
    """What that call cost."""
    served: Served
    """What is said to have served it."""
    headers: tuple[tuple[bytes, bytes], ...]
    """Those that say what the body is."""
    body: bytes | None
    """None: of a rule in shadow mode, so no text is kept, and nothing can be given."""
    bytes: int
    """What it takes in memory, or would."""
    edits: tuple[str, ...]
    """What outlay had changed in call or answer."""
    kept_us: int
    """When, monotonic."""


def size(body_bytes: int, headers: HeaderLines) -> int:
    """What such an answer takes in memory."""
    return OVERHEAD_BYTES + body_bytes + sum(len(name) + len(value) for name, value in headers)


class KeptAnswers:
    """The one that was not asked for longest leaves first."""

    def __init__(self, answers_max: int = ANSWERS_MAX) -> None:
        self._answers_max = answers_max
        self._answers: OrderedDict[Key, KeptAnswer] = OrderedDict()
        self.bytes = 0
        """Of all together."""

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, key: Key, since_us: int) -> KeptAnswer | None:
        """None where there is none, or it was kept before that."""
        answer = self._answers.get(key)
        if answer is None or answer.kept_us < since_us:
            return None
        self._answers.move_to_end(key)
        return answer

    def put(self, key: Key, answer: KeptAnswer, bytes_max: int) -> None:
        """Keep it, in the place of an earlier one; others leave until all take `bytes_max` at most."""
        self._remove(key)
        self._answers[key] = answer
        self.bytes += answer.bytes
        while self._answers and (self.bytes > bytes_max or len(self._answers) > self._answers_max):
            self._remove(next(iter(self._answers)))

    def expire(self, since_us: int) -> None:
        """Those that were kept before that leave."""
        for key in [key for key, answer in self._answers.items() if answer.kept_us < since_us]:
            self._remove(key)

    def clear(self) -> None:
        self._answers.clear()
        self.bytes = 0

    def _remove(self, key: Key) -> None:
        answer = self._answers.pop(key, None)
        if answer is not None:
            self.bytes -= answer.bytes

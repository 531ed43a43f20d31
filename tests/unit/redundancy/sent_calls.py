"""Small calls for the detector's tests: what matters is named, the rest is filled in."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from proxy.redundancy.detector import Detector
from proxy.redundancy.findings import Attribution, Judgement
from proxy.redundancy.sight import Answer, Message, Sight

KEY = b"a key of the tests"
SECOND_US = 1_000_000
DOCUMENT = "\n".join(
    f"Line {n} of the report says that the depot in town {n * 7} sold {n * 13} crates." for n in range(60)
)


@dataclass
class Played:
    """A detector with a clock that moves only when told. A call ends before the next unless `ends` is False."""

    detector: Detector = field(default_factory=lambda: Detector(KEY))
    now_us: int = 1_800_000_000 * SECOND_US
    attributions: list[Attribution] = field(default_factory=list)
    ids: Any = field(default_factory=lambda: count(1))

    def send(
        self,
        messages: str | Sequence[Message],
        *,
        owner: str = "alice",
        wait_s: float = 60,
        status: int = 200,
        reply: str = "An answer.",
        ends: bool = True,
        hung_up: bool = False,
        cost_pico: int = 10**9,
        output_tokens: int | None = None,
        **more: Any,
    ) -> Judgement:
        self.now_us += int(wait_s * SECOND_US)
        said: Sequence[Message] = [("user", messages)] if isinstance(messages, str) else messages
        call_id = f"call-{next(self.ids)}"
        sight = Sight(call_id=call_id, at_us=self.now_us, owner=owner, messages=said, **more)
        judgement = self.detector.decide(sight)
        if ends:
            cost = 0 if status == 429 else cost_pico
            answer = Answer(
                ended_us=self.now_us + SECOND_US,
                status=status,
                reply=reply,
                output_tokens=len(reply.split()) if output_tokens is None else output_tokens,
                cost_pico=cost,
                hung_up=hung_up,
            )
            self.attributions += self.detector.learn(call_id, answer)
        return judgement


def classes(judgement: Judgement) -> set[str]:
    return {found.waste_class for found in judgement.findings if found.flagged}

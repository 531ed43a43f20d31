"""Conditions: what ails the machine, found at one look; each has a begin, and an end that is told too."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from proxy.ledger.loader import Progress
from proxy.ledger.notices import notice_key
from proxy.ports.notices import Notice

PROVIDER_DOWN: Final = "provider_down"
METERING: Final = "metering_unavailable"
BEHIND: Final = "ledger_behind"
MISSING: Final = "facts_missing"

PROVIDER_S: Final = 30.0
"""A provider that answers again sooner is not worth a message; calls with a fallback went elsewhere."""
BEHIND_S_MAX: Final = 60.0


@dataclass(frozen=True, slots=True)
class GatewayState:
    """What a gateway says of itself; its `/readyz` on the socket has more."""

    node: str
    accepting: bool = True
    """False: it can't write its journal, and refuses calls."""
    providers: Mapping[str, bool] = field(default_factory=dict)
    """Whether it is well, by provider. False: it kept failing as of the last calls."""
    difference: "Difference | None" = None
    """The last one it found, ever."""
    mistakes: int = 0
    """In policy files, which are therefore not in force."""
    waiting: tuple[str, ...] = ()
    """Budgets that are not in force yet, as what was spent in them is not known; the last good set rules. With
    `withheld`."""
    withheld: tuple[str, ...] = ()
    """Budgets in force whose calls are refused for the same reason."""
    passing: bool = False
    """It can't write its journal, and calls pass all the same, as OUTLAY_WITHOUT_JOURNAL says."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Counters that were not what the ledger's facts come to; they were set right."""

    at_us: int
    accounts: int
    usd: str
    """Of the budgets in money among them."""
    budgets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    kind: str
    subject: tuple[str, ...]
    """Which one of its kind."""
    present: bool
    title: str
    text: str
    over: str
    """Title of the notice that it is over."""
    steady_s: float = 0.0
    """It is told when it has lasted for so long."""

    @property
    def key(self) -> str:
        return notice_key(self.kind, *self.subject)

    def notice(self) -> Notice:
        """That it is there, or that it is over, whichever is true."""
        over = notice_key(self.kind, *self.subject, "over")
        if self.present:
            return Notice(self.kind, self.key, self.title, self.text, ended_by=over)
        return Notice(self.kind, over, self.over, f"This is over: {self.title}.", ends=self.key)


def of_gateway(state: GatewayState) -> Iterator[Condition]:
    """Names of callers are in none of them."""
    node = state.node
    yield Condition(
        METERING,
        (node,),
        present=not state.accepting,
        title=f"Gateway {node} refuses all calls",
        text=f"The gateway {node} can't write its journal, and forwards no call that it can't meter. Often a disk is "
        "full: `outlay doctor` on its machine says more.",
        over=f"Gateway {node} takes calls again",
    )
    yield Condition(
        METERING,
        (node, "passing"),
        present=state.passing,
        title=f"Calls pass gateway {node} without its journal",
        text=f"The gateway {node} can't write its journal. OUTLAY_WITHOUT_JOURNAL lets calls pass: they are metered in "
        "memory, and a stop by force loses them. When memory for some 12,000 calls is used up, calls are refused. "
        "Often a disk is full: `outlay doctor` on its machine says more.",
        over=f"Gateway {node} writes its journal again",
    )
    for name, well in state.providers.items():
        yield Condition(
            PROVIDER_DOWN,
            (node, name),
            present=not well,
            title=f"Provider {name} keeps failing",
            text=f"As of its last calls, the provider {name} fails or can't be reached from the gateway {node}. Calls "
            "with a fallback in models.yaml go to the next provider; others get its errors. Look at the provider's "
            "status page and, with `outlay doctor`, at the way there.",
            over=f"Provider {name} is well again",
            steady_s=PROVIDER_S,
        )


def of_loading(progress: Progress, failing: str, now_us: int) -> Iterator[Condition]:
    """Of the ledger itself, once it has caught up for the first time. `failing`: why its last pass failed, or ''."""
    if progress.current_until_us:
        behind_s = (now_us - progress.current_until_us) / 1e6
        why = f" Its last pass failed: {failing}." if failing else ""
        yield Condition(
            BEHIND,
            (),
            present=behind_s > BEHIND_S_MAX,
            title="Reports are behind",
            text=f"What was spent in the last {behind_s:.0f} seconds is in no report and no balance yet; calls are "
            f"metered all the same, and nothing is lost.{why} The ledger's log says more.",
            over="Reports are up to date again",
        )


def facts_missing(progress: Progress) -> list[Notice]:
    """Lines in quarantine, told again when there are twice as many; segments that lost facts, each state once."""
    found = []
    if progress.quarantined:
        found.append(
            Notice(
                MISSING,
                notice_key(MISSING, "quarantine", str(progress.quarantined.bit_length())),
                f"Journal lines can't be read: {progress.quarantined:,}",
                "They are kept in the table quarantine of the database, with where they stand, and their calls are in "
                "no report. Nothing else is held up. This is a fault of a disk, or of outlay: please report it.",
            )
        )
    if progress.lost:
        found.append(_lost(progress.lost))
    return found


def _lost(lost: Sequence[str]) -> Notice:
    return Notice(
        MISSING,
        notice_key(MISSING, *lost),
        f"Facts are missing from the journal: {len(lost)}",
        "Segments of the journal hold less than was written, so calls in them may be in no report. `/readyz` of the "
        "ledger names them; restore them from a backup if there is one.",
    )

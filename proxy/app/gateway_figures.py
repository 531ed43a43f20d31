"""What a gateway process says of itself: its figures, and its readiness in detail."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from proxy.adapters.clock import SystemClock
from proxy.adapters.counters_memory import MemoryCounters
from proxy.adapters.journal_file import FileJournal
from proxy.adapters.policy_files import PolicyFolder
from proxy.app.balancing import Balancing
from proxy.gateway.answer_room import AnswerRoom
from proxy.gateway.expiry import Expiry
from proxy.gateway.rules import Rules
from proxy.gateway.sharing import Sharing
from proxy.gateway.waiting import Waiting
from proxy.gateway.watching import Watching
from proxy.model.money import PICO_PER_USD
from proxy.redundancy.generations import Generations
from proxy.web.door import Door
from proxy.web.gateway_metrics import GatewayMetrics


@dataclass(frozen=True, slots=True)
class GatewayFigures:
    """Asked for when they are read."""

    counters: MemoryCounters
    waiting: Waiting
    expiry: Expiry
    journal: FileJournal
    clock: SystemClock
    folder: PolicyFolder
    balancing: Balancing
    watching: Watching | None
    """None: the detector is off."""
    sharing: Sharing
    generations: Generations
    rules: Callable[[], Rules]
    """In force now."""
    door: Door
    answers: AnswerRoom
    out: Callable[[], Mapping[str, float]]
    """Providers that are left out: 1, or 0.5 where one may be tried."""

    def show(self, metrics: GatewayMetrics) -> None:
        counters, balancing = self.counters, self.balancing
        metrics.gauge("outlay_gateway_calls_in_flight", "Calls in flight", lambda: counters.in_flight)
        metrics.gauge("outlay_gateway_calls_waiting", "Waiting for room in a budget", lambda: self.waiting.calls)
        metrics.gauge("outlay_gateway_held_usd", "Held for them", lambda: counters.held_pico / PICO_PER_USD)
        metrics.gauge("outlay_gateway_oldest_hold_seconds", "Its age", lambda: self.expiry.oldest_s)
        metrics.gauge(
            "outlay_gateway_holds_expired", "Settled at the hold, for want of a call", lambda: self.expiry.expired
        )
        metrics.gauge("outlay_gateway_journal_accepting", "1: facts can be written", lambda: self.journal.accepting)
        metrics.gauge(
            "outlay_gateway_journal_lines_waiting",
            "In memory until the journal can be written: a kill loses those of calls that passed without it",
            lambda: self.journal.owed,
        )
        metrics.gauge(
            "outlay_gateway_calls_passed_without_journal",
            "Calls that passed while it could not be written",
            lambda: self.journal.kept,
        )
        metrics.gauge(
            "outlay_gateway_clock_ahead_seconds",
            "Of the machine's: it was set back, and outlay's waits for it at half speed",
            lambda: self.clock.ahead_us() / 1e6,
        )
        metrics.by_provider(
            "outlay_gateway_provider_out",
            "1: keeps failing, and is left out by calls with a fallback; 0.5: may be tried",
            self.out,
        )
        metrics.gauge("outlay_gateway_policy_mistakes", "In files not in force", lambda: len(self.folder.mistakes))
        metrics.gauge(
            "outlay_gateway_budgets_waiting",
            "Budgets not in force: what was spent in them is not known yet",
            lambda: len(balancing.waiting),
        )
        metrics.gauge(
            "outlay_gateway_budgets_withheld",
            "Budgets in force whose calls are refused: what was spent in them is not known yet",
            lambda: len(balancing.withheld),
        )
        metrics.gauge(
            "outlay_gateway_counter_difference_usd",
            "How much the counters differed from the ledger at the last comparison; they are set right then",
            lambda: balancing.difference_usd,
        )

    def show_door(self, metrics: GatewayMetrics) -> None:
        door, answers = self.door, self.answers
        metrics.gauge("outlay_gateway_connections", "Of callers", lambda: door.open)
        metrics.gauge(
            "outlay_gateway_connections_turned_away", "Ever, above the limit of connections", lambda: door.turned_away
        )
        metrics.gauge(
            "outlay_gateway_answers_waiting_bytes", "Of answers that wait for slow clients", lambda: door.waiting_bytes
        )
        metrics.gauge("outlay_gateway_slow_clients_cut", "Ever, for taking too little", lambda: door.cut_slow)
        metrics.gauge(
            "outlay_gateway_answers_read_bytes", "Of answers in memory until their usage is read", lambda: answers.taken
        )

    def show_detector(self, metrics: GatewayMetrics) -> None:
        watching = self.watching
        if watching is None:
            return
        metrics.gauge("outlay_gateway_redundancy_looked_at", "Calls compared with others", lambda: watching.looked_at)
        metrics.gauge(
            "outlay_gateway_redundancy_faults", "That a fault of outlay's kept from it", lambda: watching.faults
        )
        metrics.gauge(
            "outlay_gateway_redundancy_look_seconds", "Spent on comparing them", lambda: watching.look_us / 1e6
        )
        metrics.gauge(
            "outlay_gateway_redundancy_look_seconds_max", "On the longest of them", lambda: watching.look_us_max / 1e6
        )
        metrics.gauge(
            "outlay_gateway_redundancy_bytes",
            "Memory of the detector at most, about",
            lambda: self.generations.bytes,
        )

    def show_answers(self, metrics: GatewayMetrics) -> None:
        sharing = self.sharing
        answers = sharing.answers
        metrics.gauge("outlay_gateway_answers_kept", "Answers in memory, to be given again", lambda: len(answers))
        metrics.gauge("outlay_gateway_answers_bytes", "What they take", lambda: answers.bytes)
        metrics.gauge("outlay_gateway_answers_hits", "Calls that were given one of them", lambda: sharing.served)
        metrics.gauge("outlay_gateway_answers_misses", "Calls that a rule would have served so", lambda: sharing.missed)
        metrics.gauge("outlay_gateway_calls_coalesced", "Calls that shared one under way", lambda: sharing.coalesced)

    def readiness(self) -> Mapping[str, object]:
        policies = self.rules().policies
        return {
            "ready": self.journal.admitting,
            "journal": self._journal_state(),
            "journal_lines_waiting": self.journal.owed,
            "calls_passed_without_journal": self.journal.kept,
            "clock_ahead_s": round(self.clock.ahead_us() / 1e6, 3),
            "policy": policies.version,
            "keys": policies.keys_version,
            "policy_mistakes": [str(mistake) for mistake in self.folder.mistakes],
            "budgets_waiting": list(self.balancing.waiting),
            "budgets_withheld": list(self.balancing.withheld),
            "ledger_answering": self.balancing.answering,
            "counters_compared_us": self.balancing.compared_us,
            "calls_in_flight": self.counters.in_flight,
            "providers": {name: not out for name, out in self.out().items()},
            "counter_difference": self.balancing.last_fault,
        }

    def _journal_state(self) -> str:
        if self.journal.accepting:
            return "writing"
        return "passing" if self.journal.admitting else "unavailable"

"""What becomes of the mirrors of repositories: for /metrics and for the details of /readyz. Never a credential."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from proxy.outcomes.unread import MirrorState

REPOSITORY = "repository"


@dataclass(frozen=True, slots=True, eq=False)
class MirrorFigures(Collector):
    states: Callable[[], Sequence[MirrorState]]
    """By the repository's name, which an admin chose; there are few."""

    def collect(self) -> Iterator[Metric]:
        labels = [REPOSITORY]
        fetches = CounterMetricFamily("outlay_ledger_mirror_fetches", "Fetches that succeeded", labels=labels)
        failures = CounterMetricFamily(
            "outlay_ledger_mirror_failures", "Fetches and readings that failed", labels=labels
        )
        facts = CounterMetricFamily("outlay_ledger_mirror_facts", "Facts put on record", labels=labels)
        failing = GaugeMetricFamily("outlay_ledger_mirror_failing", "1: the last try failed", labels=labels)
        fetched = GaugeMetricFamily(
            "outlay_ledger_mirror_fetched_timestamp_seconds", "When it was last fetched; 0: never", labels=labels
        )
        waiting = GaugeMetricFamily("outlay_ledger_mirror_waiting", "Questions that are open", labels=labels)
        size = GaugeMetricFamily("outlay_ledger_mirror_bytes", "Size on the disk at the last fetch", labels=labels)
        for state in self.states():
            name = [state.repository]
            fetches.add_metric(name, state.fetches)
            failures.add_metric(name, state.failures)
            facts.add_metric(name, state.facts)
            failing.add_metric(name, 1 if state.error else 0)
            fetched.add_metric(name, state.fetched_us / 1e6)
            waiting.add_metric(name, state.waiting)
            size.add_metric(name, state.size_bytes)
        yield from (fetches, failures, facts, failing, fetched, waiting, size)


def mirror_details(states: Sequence[MirrorState], now_us: int) -> dict[str, object]:
    """By repository."""
    return {
        state.repository: {
            "fetched_s_ago": round((now_us - state.fetched_us) / 1e6) if state.fetched_us else None,
            "failing": state.error or None,
            "again_in_s": max(0, round((state.next_us - now_us) / 1e6)) if state.next_us else None,
            "waiting": state.waiting,
            "missing": list(state.missing),
        }
        for state in states
    }

"""What became of notices, target by target: for /metrics and for the details of /readyz. Never an address."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

TARGET = "target"


class Delivered(Protocol):
    """Of one target."""

    waiting: int
    sent: int
    failures: int
    in_a_row: int
    why: str
    next_us: int


@dataclass(frozen=True, slots=True, eq=False)
class NoticeFigures(Collector):
    deliveries: Callable[[], Mapping[str, Delivered]]
    """By the target's name, which an admin chose; there are few."""

    def collect(self) -> Iterator[Metric]:
        sent = CounterMetricFamily("outlay_ledger_notices_sent", "Messages delivered", labels=[TARGET])
        failures = CounterMetricFamily("outlay_ledger_notice_failures", "Deliveries that failed", labels=[TARGET])
        waiting = GaugeMetricFamily("outlay_ledger_notices_waiting", "Notices not delivered yet", labels=[TARGET])
        failing = GaugeMetricFamily("outlay_ledger_notices_failing", "1: the last delivery failed", labels=[TARGET])
        for name, delivery in self.deliveries().items():
            sent.add_metric([name], delivery.sent)
            failures.add_metric([name], delivery.failures)
            waiting.add_metric([name], delivery.waiting)
            failing.add_metric([name], 1 if delivery.why else 0)
        yield from (sent, failures, waiting, failing)


def notice_details(deliveries: Mapping[str, Delivered], now_us: int) -> dict[str, object]:
    """By target."""
    return {
        name: {
            "waiting": delivery.waiting,
            "sent": delivery.sent,
            "failing": delivery.why or None,
            "failed_in_a_row": delivery.in_a_row,
            "again_in_s": max(0, round((delivery.next_us - now_us) / 1e6)) if delivery.why else None,
        }
        for name, delivery in deliveries.items()
    }

"""Metrics of the whole machine in one place: the ledger's own, and those of each gateway beside it."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample
from starlette.requests import Request
from starlette.responses import Response

from proxy.ledger.loader import Progress

log = structlog.get_logger("outlay.control")

NODE: Final = "node"
_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class LedgerMetrics:
    """Figures of the ledger process. Labels are bounded: no user, no key, no name that a caller chose."""

    def __init__(
        self, progress: Callable[[], Progress], mistakes: Callable[[], int], now_us: Callable[[], int]
    ) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_LoaderFigures(progress, mistakes, now_us))
        self._requests = Counter(
            "outlay_ledger_requests", "Requests answered", ["route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "outlay_ledger_request_seconds", "Time to answer", ["route"], buckets=_SECONDS, registry=self.registry
        )
        self._events = Counter(
            "outlay_ledger_events",
            "Deliveries of outcome events, by kind, registered source, and what became of them",
            ["kind", "source", "result"],
            registry=self.registry,
        )
        self.load_failures = Counter(
            "outlay_ledger_load_failures", "Passes of the loader that failed", registry=self.registry
        )
        self.database_damaged = Gauge(
            "outlay_ledger_database_damaged", "1: a query met damage in the database's file", registry=self.registry
        )
        self.scrape_failures = Counter(
            "outlay_ledger_gateway_scrape_failures",
            "Times a gateway did not give its metrics in time",
            [NODE],
            registry=self.registry,
        )

    def delivered(self, kind: str, source: str, result: str) -> None:
        """`source`: registered in services.yaml, or ''."""
        self._events.labels(kind, source, result).inc()

    def answered(self, route: str, status: int, seconds: float) -> None:
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)


@dataclass(frozen=True, slots=True, eq=False)
class _LoaderFigures(Collector):
    progress: Callable[[], Progress]
    mistakes: Callable[[], int]
    now_us: Callable[[], int]

    def collect(self) -> Iterator[Metric]:
        progress = self.progress()
        if progress.current_until_us:
            behind_s = max(0.0, (self.now_us() - progress.current_until_us) / 1e6)
            yield GaugeMetricFamily("outlay_ledger_behind_seconds", "Age of the newest complete state", behind_s)
        yield CounterMetricFamily("outlay_ledger_lines_loaded", "Journal lines loaded", progress.lines)
        yield CounterMetricFamily("outlay_ledger_batches_loaded", "Transactions of the loader", progress.batches)
        yield GaugeMetricFamily("outlay_ledger_quarantined_lines", "Journal lines in quarantine", progress.quarantined)
        yield GaugeMetricFamily("outlay_ledger_segments_lost", "Segments with facts missing", len(progress.lost))
        yield GaugeMetricFamily("outlay_ledger_segments_waiting", "Segments for a newer program", len(progress.waiting))
        yield GaugeMetricFamily("outlay_policy_mistakes", "Mistakes in the policy files as they stand", self.mistakes())


@dataclass(frozen=True, slots=True)
class Metrics:
    """GET /metrics."""

    own: LedgerMetrics
    gateways: Callable[[], Awaitable[Mapping[str, str | None]]]
    """Exposition text of each gateway by node; None where it did not answer in time."""
    admit: Callable[[Request], None]
    """Raises where the request may not see metrics."""

    async def show(self, request: Request) -> Response:
        self.admit(request)
        texts = await self.gateways()
        families = _Families()
        for node, text in texts.items():
            if text is None:
                self.own.scrape_failures.labels(node).inc()
            else:
                families.add(node, text)
        families.add("ledger", generate_latest(self.own.registry).decode())
        together = CollectorRegistry()
        together.register(families)
        return Response(generate_latest(together), media_type=CONTENT_TYPE_LATEST)


@dataclass(slots=True, eq=False)
class _Families(Collector):
    """Families of several processes: each named once, its samples told apart by node."""

    found: dict[str, Metric] = field(default_factory=dict)

    def add(self, node: str, text: str) -> None:
        try:
            families = list(text_string_to_metric_families(text))
        except ValueError:
            log.warning("metrics of a gateway can't be read", node=node)
            return
        for family in families:
            if family.name.endswith("_created"):
                # When a counter began: a family for each of them that nobody reads.
                continue
            known = self.found.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            known.samples += [
                Sample(each.name, {NODE: node, **each.labels}, each.value, each.timestamp, each.exemplar)
                for each in family.samples
            ]

    def collect(self) -> Iterable[Metric]:
        return self.found.values()

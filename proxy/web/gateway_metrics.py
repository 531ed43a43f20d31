"""The gateway's own figures, and the small HTTP application that shows them beside the data port, never on it."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from proxy.gateway.fallback import FALLBACK
from proxy.model.decision import Refusal
from proxy.model.entry import Settled
from proxy.model.found import Found
from proxy.model.money import PICO_PER_USD

_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class GatewayMetrics:
    """Prometheus figures of one gateway process. Labels are bounded: no user, no key, no name that a caller chose."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._sums = _Sums()
        self.registry.register(self._sums)
        self._estimated = Counter("outlay_gateway_estimated_calls", "Calls settled by estimate", registry=self.registry)
        self._unpriced = Counter("outlay_gateway_unpriced_calls", "Calls without a price", registry=self.registry)
        self._refused = Counter(
            "outlay_gateway_refusals", "Answers of outlay's own", ["reason"], registry=self.registry
        )
        self._fallbacks = Counter(
            "outlay_gateway_fallbacks",
            "Providers that failed or were left out, by name",
            ["provider"],
            registry=self.registry,
        )
        self._redundant = Counter(
            "outlay_gateway_redundant_calls",
            "Calls flagged as redundant, or that a redundancy rule did something about",
            ["class", "action"],
            registry=self.registry,
        )
        self._redundant_cost = Counter(
            "outlay_gateway_redundant_usd", "What they cost", ["class", "action"], registry=self.registry
        )
        self._exempted = Counter(
            "outlay_gateway_redundancy_exempted_usd",
            "Cost of repeats that an exemption let pass",
            ["kind"],
            registry=self.registry,
        )

    def settled(self, entry: Settled) -> None:
        call, usage, sums = entry.call, entry.usage, self._sums
        sums.calls[call.provider, call.operation, entry.outcome] += 1
        sums.tokens[call.provider, "input"] += usage.prompt_tokens
        sums.tokens[call.provider, "output"] += usage.output_tokens
        sums.cost_pico[call.provider] += entry.cost.total_pico
        if entry.estimated:
            self._estimated.inc()
        if entry.cost.unpriced:
            self._unpriced.inc()
        for edit in entry.edits:
            if edit.startswith(FALLBACK):
                self._fallbacks.labels(edit.split(" ")[1]).inc()
        if entry.timing.first_byte_us:
            sums.first_byte(entry.timing.first_byte_us)
        if entry.found:
            self._found(entry)

    def _found(self, entry: Settled) -> None:
        found, cost = entry.found, entry.cost.total_pico / PICO_PER_USD
        kind = found.get("exempted")
        if kind:
            self._exempted.labels(kind).inc(cost)
        if found.get("flagged") or found.get("action"):
            self._redundant.labels(found.get("class", ""), found.get("action", "")).inc()
            self._redundant_cost.labels(found.get("class", ""), found.get("action", "")).inc(cost)

    def turned_away(self, found: Found) -> None:
        """Of a call that goes no further."""
        if found.flagged or found.action:
            self._redundant.labels(found.waste_class, found.action).inc()

    def refused(self, refusal: Refusal) -> None:
        self._refused.labels(refusal.reason).inc()

    def gauge(self, name: str, what: str, value: Callable[[], float]) -> None:
        """A figure that is asked for when it is read."""
        Gauge(name, what, registry=self.registry).set_function(value)

    def by_provider(self, name: str, what: str, values: Callable[[], Mapping[str, float]]) -> None:
        """One figure for each provider, asked for when it is read."""
        self.registry.register(_ByProvider(name, what, values))

    def render(self) -> bytes:
        return generate_latest(self.registry)


class _Sums(Collector):
    """What every call adds to, in plain numbers: counters with labels and locks of their own take twenty function calls
    for it. Asked and added to in one event loop."""

    def __init__(self) -> None:
        self.calls: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        """By provider, operation and outcome."""
        self.tokens: defaultdict[tuple[str, str], int] = defaultdict(int)
        """By provider and side."""
        self.cost_pico: defaultdict[str, int] = defaultdict(int)
        self._first_bytes = [0] * (len(_SECONDS) + 1)
        """Calls whose first byte came within each of the times, and after all of them."""
        self._first_byte_us = 0

    def first_byte(self, after_us: int) -> None:
        self._first_bytes[bisect_left(_SECONDS, after_us / 1e6)] += 1
        self._first_byte_us += after_us

    def describe(self) -> Iterable[Metric]:
        return self._families()

    def collect(self) -> Iterable[Metric]:
        calls, tokens, cost, first_byte = self._families()
        for labels, count in self.calls.items():
            calls.add_metric(labels, count)
        for sides, count in self.tokens.items():
            tokens.add_metric(sides, count)
        for provider, pico in self.cost_pico.items():
            cost.add_metric([provider], pico / PICO_PER_USD)
        bounds = [*(repr(float(each)) for each in _SECONDS), "+Inf"]
        first_byte.add_metric(
            [], list(zip(bounds, accumulate(self._first_bytes), strict=True)), self._first_byte_us / 1e6
        )
        return calls, tokens, cost, first_byte

    def _families(
        self,
    ) -> tuple[CounterMetricFamily, CounterMetricFamily, CounterMetricFamily, HistogramMetricFamily]:
        return (
            CounterMetricFamily("outlay_gateway_calls", "Calls settled", labels=["provider", "operation", "outcome"]),
            CounterMetricFamily("outlay_gateway_tokens", "Tokens metered", labels=["provider", "side"]),
            CounterMetricFamily("outlay_gateway_cost_usd", "Cost metered", labels=["provider"]),
            HistogramMetricFamily("outlay_gateway_first_byte_seconds", "From admission to the provider's first byte"),
        )


class _ByProvider(Collector):
    def __init__(self, name: str, what: str, values: Callable[[], Mapping[str, float]]) -> None:
        self._name, self._what, self._values = name, what, values

    def describe(self) -> Iterable[Metric]:
        """What is there before anything is known."""
        return [GaugeMetricFamily(self._name, self._what, labels=["provider"])]

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(self._name, self._what, labels=["provider"])
        for provider, value in self._values().items():
            family.add_metric([provider], value)
        yield family


def admin_app(metrics: GatewayMetrics, readiness: Callable[[], Mapping[str, object]]) -> Starlette:
    """`/metrics` and `/readyz` with details, for a Unix socket in the data folder (or OUTLAY_METRICS_PORT)."""

    async def show(_: Request) -> Response:
        return Response(metrics.render(), media_type=CONTENT_TYPE_LATEST)

    async def ready(_: Request) -> Response:
        details = readiness()
        return JSONResponse(dict(details), status_code=200 if details["ready"] else 503)

    return Starlette(routes=[Route("/metrics", show), Route("/readyz", ready)])

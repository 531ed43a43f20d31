"""Spans over OTLP/HTTP, to any OpenTelemetry collector.

The exporter is OpenTelemetry's own. It also reads its standard variables itself (`OTEL_EXPORTER_OTLP_HEADERS` for a
collector that wants a key, `…_CERTIFICATE`, `…_TIMEOUT`), by that specification.
"""

from collections.abc import Sequence
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from proxy.ledger.spans import Span

TIMEOUT_S: Final = 10.0
AT_ONCE: Final = 500
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)


class SpansOtlp:
    def __init__(self, endpoint: str, version: str) -> None:
        """`endpoint`: the collector's base URL, 'http://localhost:4318'."""
        self._exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=TIMEOUT_S)
        self._resource = Resource({"service.name": "outlay", "service.version": version})
        self._scope = InstrumentationScope("outlay", version)

    def send(self, spans: Sequence[Span]) -> bool:
        """Whether the collector took them all. Blocks: call it in a thread."""
        for start in range(0, len(spans), AT_ONCE):
            batch = [self._readable(span) for span in spans[start : start + AT_ONCE]]
            if self._exporter.export(batch) is not SpanExportResult.SUCCESS:
                return False
        return True

    def close(self) -> None:
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # so it comes

    def _readable(self, span: Span) -> ReadableSpan:
        context = SpanContext(span.trace_id, span.span_id, is_remote=False, trace_flags=_SAMPLED)
        parent = SpanContext(span.trace_id, span.parent_id, is_remote=True, trace_flags=_SAMPLED)
        return ReadableSpan(
            span.name,
            context=context,
            parent=parent if span.parent_id else None,
            resource=self._resource,
            attributes=span.attributes,
            kind=SpanKind.CLIENT,
            status=Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.UNSET),
            start_time=span.start_us * 1000,
            end_time=span.end_us * 1000,
            instrumentation_scope=self._scope,
        )

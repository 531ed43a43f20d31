"""Spans: calls as OpenTelemetry's conventions for generative AI describe them, for whoever traces.

Made from the ledger, after the fact: the gateway does nothing for it. A call that came with a W3C `traceparent` stands
under the client's own span; a call's span id follows from its id, so a span that is sent twice is the same span.
No person is in them, and no content.

Names: OpenTelemetry semantic conventions, registry of gen_ai attributes (opentelemetry.io/docs/specs/semconv/gen-ai).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from proxy.ledger.statements import statement
from proxy.model.money import pico_to_usd
from proxy.ports.store import Row, Store

Value = str | int | float | bool

_OPERATIONS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("chat", "messages", "responses", "responses_compact", "converse"), "chat"),
    **dict.fromkeys(("generate", "stream_generate"), "generate_content"),
    "completions": "text_completion",
}
_PROVIDERS: Final[Mapping[str, str]] = {
    "gemini": "gcp.gemini",
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "mistral": "mistral_ai",
    "xai": "x_ai",
}
_TRACE_BYTES: Final = 16
_SPAN_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Span:
    name: str
    trace_id: int
    span_id: int
    parent_id: int
    """0: none."""
    start_us: int
    """Microseconds since the epoch, UTC."""
    end_us: int
    error: str
    """'' where it went well."""
    attributes: Mapping[str, Value]


def newest_load(store: Store) -> int:
    """The newest load there is; 0 for none."""
    ((load,),) = store.read("SELECT coalesce(max(load), 0) FROM positions")
    return int(load)


def next_load(store: Store, after: int) -> int:
    """The first load after this one that brought calls; 0 where there is none yet."""
    ((load,),) = store.read("SELECT coalesce(min(load), 0) FROM calls WHERE load > $after", {"after": after})
    return int(load)


def spans(store: Store, load: int) -> list[Span]:
    """A span for each call of a load."""
    return [_span(row) for row in store.read(statement("spans"), {"load": load})]


def _span(row: Row) -> Span:
    id_, opened_us, dialect, operation, provider, model, stream, team, project = row[:9]
    session, agent, client, trace = row[9:13]
    (refused, reason, outcome, status, fresh, read, written, output, reasoning, served, tier, request_id) = row[13:25]
    (cost_pico, estimated, first_byte_us, total_us) = row[25:]
    name: str = _OPERATIONS.get(operation, operation)
    error = reason if refused else "" if outcome == "ok" else outcome
    said: dict[str, Value] = {
        "gen_ai.operation.name": name,
        "gen_ai.provider.name": _PROVIDERS.get(provider, _PROVIDERS.get(dialect, provider)),
        "gen_ai.request.model": model,
        "gen_ai.request.stream": stream,
        "gen_ai.response.model": served,
        "gen_ai.conversation.id": session,
        "gen_ai.agent.id": agent,
        "gen_ai.response.time_to_first_chunk": first_byte_us / 1e6 if stream and first_byte_us else "",
        "http.response.status_code": status,
        "error.type": error,
        "outlay.call.id": id_,
        "outlay.team": team,
        "outlay.project": project,
        "outlay.client": client,
        "outlay.service_tier": tier,
        "outlay.provider_request_id": request_id,
    }
    if not refused:
        said |= {
            # By the conventions the total, cached tokens included.
            "gen_ai.usage.input_tokens": fresh + read + written,
            "gen_ai.usage.output_tokens": output,
            "gen_ai.usage.cache_read.input_tokens": read,
            "gen_ai.usage.cache_creation.input_tokens": written,
            "gen_ai.usage.reasoning.output_tokens": reasoning,
            "outlay.cost.usd": pico_to_usd(cost_pico),
            "outlay.estimated": estimated,
        }
    above, _, parent = trace.partition("-")
    return Span(
        name=f"{name} {model}" if model else name,
        trace_id=int(above, 16) if above else _id(id_, _TRACE_BYTES),
        span_id=_id(id_, _SPAN_BYTES),
        parent_id=int(parent, 16) if parent else 0,
        start_us=opened_us,
        end_us=opened_us + total_us,
        error=error,
        attributes={name: value for name, value in said.items() if value != ""},
    )


def _id(call_id: str, size: int) -> int:
    """Never zero, which would be no id."""
    return int.from_bytes(blake2b(call_id.encode(), digest_size=size).digest(), "big") or 1

"""Tracing: follows the ledger and sends a span for each call that is loaded, beside everything else.

Spans are for looking, not for counting: a collector that is away for long misses some, and the ledger doesn't wait.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import structlog

from proxy import VERSION
from proxy.ledger.spans import newest_load, next_load, spans
from proxy.ports.store import QueryTimeoutError, Store, StoreError

if TYPE_CHECKING:
    from proxy.adapters.spans_otlp import SpansOtlp

log = structlog.get_logger("outlay.tracing")

LOOK_S: Final = 1.0
ATTEMPTS_MAX: Final = 5
"""After so many, the spans of a load are given up."""


async def trace(
    store: Store, endpoint: str, after: int, look_s: float = LOOK_S, loaded: Callable[[], bool] = lambda: True
) -> None:
    """Until cancelled, beginning with what is loaded after the load `after`. 0: the database is empty, and perhaps
    loaded anew from the whole past, whose spans were sent long ago: it begins once that is `loaded`."""
    # Imported where it is asked for: most ledgers send no spans.
    from proxy.adapters.spans_otlp import SpansOtlp  # noqa: PLC0415

    sender = SpansOtlp(endpoint, VERSION)
    attempts = 0
    begun = after > 0
    try:
        while True:
            load = 0
            try:
                if not begun and loaded():
                    after, begun = newest_load(store), True
                load = await asyncio.to_thread(next_load, store, after) if begun else 0
                sent = not load or await asyncio.to_thread(_send, sender, store, load)
            except Exception as error:
                # Tracing must outlive whatever one look runs into.
                expected = isinstance(error, StoreError | QueryTimeoutError | OSError)
                log.warning("spans not read", why=str(error), exc_info=not expected)
                sent = False
            attempts = 0 if sent else attempts + 1
            if load and (sent or attempts >= ATTEMPTS_MAX):
                if not sent:
                    log.warning("spans given up", endpoint=endpoint, load=load)
                after, attempts = load, 0
            if not load or not sent:
                await asyncio.sleep(look_s * (1 + attempts))
    finally:
        sender.close()


def _send(sender: "SpansOtlp", store: Store, load: int) -> bool:
    return sender.send(spans(store, load))

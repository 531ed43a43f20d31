"""Plane: what everything that carries calls shares."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from proxy.gateway.jobs import JobMemory
from proxy.model.entry import Settled
from proxy.ports.clock import Clock
from proxy.ports.counters import Counters
from proxy.ports.journal import Journal
from proxy.ports.tokens import TokenCounter
from proxy.ports.upstream import Upstream


@dataclass(frozen=True, slots=True)
class Plane:
    """What relays need from outside, and what they leave running."""

    upstream: Upstream
    counters: Counters
    journal: Journal
    tokens: TokenCounter
    clock: Clock
    drain_s: float
    observe: Callable[[Settled], None]
    """Told of every settlement, for metrics."""
    jobs: JobMemory = field(default_factory=JobMemory)
    counting: set["asyncio.Task[None]"] = field(default_factory=set)
    """Settlements still counting tokens; a graceful stop waits for them."""

"""Plane: what everything that carries calls shares."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from proxy.gateway.answer_room import AnswerRoom
from proxy.gateway.jobs import JobMemory
from proxy.gateway.sharing import Sharing
from proxy.gateway.throttling import Throttling
from proxy.gateway.waiting import Waiting
from proxy.gateway.watching import Watching
from proxy.metering.calibration import Calibration
from proxy.metering.expecting import Expecting
from proxy.model.entry import Settled
from proxy.policy.breaker import Breakers
from proxy.ports.clock import Clock
from proxy.ports.counters import Counters, Crossing
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
    waiting: Waiting = field(default_factory=Waiting)
    """Calls that wait for room: the same as admission's."""
    throttling: Throttling = field(default_factory=Throttling)
    """What rate limits have counted: the same as admission's."""
    expecting: Expecting = field(default_factory=Expecting)
    """What streams came to: the same as admission's."""
    calibration: Calibration = field(default_factory=Calibration)
    """What counts of input are worth: the same as admission's."""
    warned: Callable[[Crossing], None] = lambda _: None
    """Told of every warn level that a budget's spending reaches, once."""
    answers: AnswerRoom = field(default_factory=AnswerRoom)
    """For answers that are read whole."""
    breakers: Breakers = field(default_factory=Breakers)
    """What is known of the providers' health."""
    watching: Watching | None = None
    """The redundancy detector; None: nothing is compared."""
    sharing: Sharing | None = None
    """Answers that stand for several calls: the same as admission's; None: each call goes to its provider."""
    counting: set["asyncio.Task[None]"] = field(default_factory=set)
    """Settlements still counting tokens; a graceful stop waits for them."""

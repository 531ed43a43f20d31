"""Rates: how many requests and tokens a minute, and how many calls at once, each instance of a limit has taken.

A minute is a sliding one, counted in slices of half a second: what came in a slice counts until a minute after the
slice's end. So no minute, wherever it begins, ever holds more than the limit, and a slice that leaves makes room to the
last unit. (A token bucket lets twice the limit through in a minute that begins with a full bucket, or must be kept
far below the limit; a fixed minute lets twice the limit through around its edge.) The price is that a burst of the
whole limit has the rest of its minute to wait, as it should.

Instances share nothing: a burst of one takes nothing from another.

Tokens are taken by the estimate when a call is admitted, and corrected when it is settled: what it used less is given
back to the slice it was taken in, what it used more counts in the slice of its settlement, so that a long stream counts
too. An estimate above the whole limit is taken as the limit: such a call passes where a whole minute is free.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from proxy.model.allowance import Allowance, Measure
from proxy.policy.rules import RateLimit
from proxy.policy.verdict import Throttle

SLICE_US: Final = 500_000
MINUTE_US: Final = 60_000_000
SLICES: Final = MINUTE_US // SLICE_US + 1
"""Of a whole minute, and the one that is under way."""
CONCURRENT_WAIT_US: Final = 1_000_000
"""When to try again where calls in flight are in the way: nobody knows when they end."""
INSTANCES_MAX: Final = 10_000
"""At most some 25 MB. Where so many are busy within a minute, the further instances of a rule share one until that has
a free minute: stricter for them, and never laxer."""

KNOWN_MAX: Final = 2048
"""Groups of instances that are found again at a glance."""

_REST: Final = ()
"""Instance of a rule's others; where its `per` is empty, it is all there is."""


@dataclass(frozen=True, slots=True)
class Excess:
    """What a call would have exceeded."""

    throttle: Throttle
    measure: Measure
    limit: int
    wait_us: int | None
    """It passes after this time, if no other call comes before it; None: never."""


@dataclass(frozen=True, slots=True)
class Taking:
    """What became of a call that asked for room."""

    excess: Excess | None = None
    """Set: the call was given nothing. Of several limits, the one to be waited for longest."""
    shadow: tuple[Excess, ...] = ()
    """What limits in shadow mode would have said."""


class Rates:
    """The state of all rate limits of one process. Time is monotonic microseconds, given with each question."""

    def __init__(self, instances_max: int = INSTANCES_MAX) -> None:
        self._max = instances_max
        self._instances: dict[_Key, _Instance] = {}
        self._known: dict[int, tuple[tuple[Throttle, ...], list[tuple[Throttle, _Instance]]]] = {}
        """The instances of throttles, by the identity of the tuple (kept beside, so that it stays its own), where each
        has one of its own. Forgotten whole as soon as an instance is."""
        self._open: dict[str, _Taken] = {}
        self._swept = -1
        """The slice in which idle instances were last looked for."""

    @property
    def instances(self) -> int:
        return len(self._instances)

    def take(self, call_id: str, throttles: Sequence[Throttle], tokens: int, now_us: int) -> Taking:
        """Take room under every limit that enforces, or under none. `tokens`: by the estimate.

        A limit in shadow mode refuses nothing, and counts what it would have let pass. A call that has taken already
        takes nothing more.
        """
        if not throttles or call_id in self._open:
            return _TAKEN
        excesses: list[Excess] = []
        shadow: list[Excess] = []
        fitting: list[tuple[_Instance, int]] = []
        for throttle, instance in self._found(throttles, now_us):
            limit = throttle.limit
            most = limit.tokens_per_minute
            # Under a limit of 0, one token stays one too many.
            cut = tokens if most is None or tokens <= most else max(1, most)
            if instance.fits(limit, cut, now_us):
                fitting.append((instance, cut))
            elif (excess := instance.excess(throttle, cut, now_us)) is not None:
                (shadow if limit.mode == "shadow" else excesses).append(excess)
        if excesses:
            return Taking(max(excesses, key=_longest), tuple(shadow))
        for instance, cut in fitting:
            instance.take(cut, now_us)
        self._open[call_id] = _Taken(now_us // SLICE_US, fitting)
        return Taking(None, tuple(shadow)) if shadow else _TAKEN

    def give_back(self, call_id: str) -> None:
        """The call was not admitted after all: it counts nowhere."""
        taken = self._open.pop(call_id, None)
        if taken is not None:
            for instance, tokens in taken.shares:
                instance.requests.give_back(1, taken.slice)
                instance.tokens.give_back(tokens, taken.slice)
                instance.in_flight -= 1

    def settle(self, call_id: str, tokens: int, now_us: int) -> None:
        """The call has ended and used so many tokens. Once: a second time changes nothing."""
        taken = self._open.pop(call_id, None)
        if taken is None:
            return
        for instance, held in taken.shares:
            instance.in_flight -= 1
            if tokens < held:
                instance.tokens.give_back(held - tokens, taken.slice)
            else:
                instance.tokens.add(tokens - held, now_us)

    def allowances(self, throttles: Sequence[Throttle], now_us: int, wall_us: int) -> tuple[Allowance, ...]:
        """What is left of requests and of tokens, each by the limit that enforces and leaves least. `wall_us`: the
        same moment since the epoch."""
        least: dict[Measure, Allowance] = {}
        for throttle, instance in self._found(throttles, now_us):
            if throttle.limit.mode == "shadow":
                continue
            for measure, limit, window in instance.limited(throttle):
                remaining = max(0, limit - window.total(now_us))
                full_us = window.empty_in_us(now_us)
                tightest = least.get(measure)
                if tightest is None or (remaining, -full_us) < _tightness(tightest):
                    least[measure] = Allowance(measure, limit, remaining, full_us, wall_us + full_us)
        return tuple(least.values())

    def _found(self, throttles: Sequence[Throttle], now_us: int) -> "list[tuple[Throttle, _Instance]]":
        known = self._known.get(id(throttles))
        if known is not None and known[0] is throttles:
            return known[1]
        found = [(throttle, self._instance(throttle, now_us)) for throttle in throttles]
        own = all((each.limit.name, each.instance) in self._instances for each in throttles)
        if own and isinstance(throttles, tuple):
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            self._known[id(throttles)] = (throttles, found)
        return found

    def _instance(self, throttle: Throttle, now_us: int) -> "_Instance":
        # A plain pair finds what is kept under a _Key.
        found = self._instances.get((throttle.limit.name, throttle.instance))  # type: ignore[call-overload]
        return found or self._new(_Key(throttle.limit.name, throttle.instance), now_us)

    def _new(self, key: "_Key", now_us: int) -> "_Instance":
        """Its own place; with the rest, where there is none left, or where it may have been among them just now."""
        if len(self._instances) >= self._max:
            self._forget_idle(now_us)
        rest_key = _Key(key.limit, _REST)
        rest = self._instances.get(rest_key)
        if rest is not None and not rest.idle(now_us):
            return rest
        at = key if len(self._instances) < self._max else rest_key
        return self._instances.setdefault(at, _Instance())

    def _forget_idle(self, now_us: int) -> None:
        """What has nothing in flight and a whole minute free is as good as new. Looked for once in a slice."""
        if self._swept == (slice_ := now_us // SLICE_US):
            return
        self._swept = slice_
        self._known.clear()
        for key in [key for key, instance in self._instances.items() if instance.idle(now_us)]:
            del self._instances[key]


_TAKEN: Final = Taking()


class _Key(NamedTuple):
    limit: str
    instance: tuple[str, ...]


class _Window:
    """A sliding minute of one quantity. Slices are kept in a ring by their number."""

    __slots__ = ("_newest", "_slices", "_sum")

    def __init__(self) -> None:
        self._slices = array("q", bytes(8 * SLICES))
        self._newest = 0
        self._sum = 0

    def total(self, now_us: int) -> int:
        if now_us // SLICE_US != self._newest:
            self._move(now_us)
        return self._sum

    def add(self, amount: int, now_us: int) -> None:
        if now_us // SLICE_US != self._newest:
            self._move(now_us)
        self._slices[self._newest % SLICES] += amount
        self._sum += amount

    def give_back(self, amount: int, slice_: int) -> None:
        """To the slice it was taken in, where that still counts."""
        if slice_ > self._newest - SLICES:
            self._slices[slice_ % SLICES] -= amount
            self._sum -= amount

    def wait_us(self, amount: int, limit: int, now_us: int) -> int | None:
        """Until `amount` fits; 0: it does; None: it never will."""
        over = self.total(now_us) + amount - limit
        if over <= 0 or not amount:
            return 0
        for slice_ in range(self._newest - SLICES + 1, self._newest + 1):
            over -= self._slices[slice_ % SLICES]
            if over <= 0:
                return (slice_ + SLICES) * SLICE_US - now_us
        return None

    def empty_in_us(self, now_us: int) -> int:
        if now_us // SLICE_US != self._newest:
            self._move(now_us)
        for slice_ in range(self._newest, self._newest - SLICES, -1):
            if self._slices[slice_ % SLICES]:
                return (slice_ + SLICES) * SLICE_US - now_us
        return 0

    def _move(self, now_us: int) -> None:
        """Drop the slices that have left. A time before the last one told counts as that."""
        newest = now_us // SLICE_US
        if newest - self._newest >= SLICES or not self._sum:
            # All of it has left, or there is nothing to leave: most callers come less often than once a minute.
            if self._sum:
                self._slices = array("q", bytes(8 * SLICES))
                self._sum = 0
        else:
            for slice_ in range(self._newest + 1, newest + 1):
                self._sum -= self._slices[slice_ % SLICES]
                self._slices[slice_ % SLICES] = 0
        self._newest = max(self._newest, newest)


class _Instance:
    """One instance of one limit."""

    __slots__ = ("in_flight", "requests", "tokens")

    def __init__(self) -> None:
        self.requests = _Window()
        self.tokens = _Window()
        self.in_flight = 0

    def limited(self, throttle: Throttle) -> Sequence[tuple[Measure, int, _Window]]:
        """The windows that the limit bounds. Both are counted, so that a limit which a change adds knows the past."""
        limit = throttle.limit
        found: list[tuple[Measure, int, _Window]] = []
        if limit.requests_per_minute is not None:
            found.append((Measure.REQUESTS, limit.requests_per_minute, self.requests))
        if limit.tokens_per_minute is not None:
            found.append((Measure.TOKENS, limit.tokens_per_minute, self.tokens))
        return found

    def fits(self, limit: RateLimit, tokens: int, now_us: int) -> bool:
        """Whether there is no `excess`: nearly always, so that is asked first, for a fifth of the price."""
        most = limit.requests_per_minute
        if most is not None and self.requests.total(now_us) >= most:
            return False
        most = limit.tokens_per_minute
        if most is not None and tokens and self.tokens.total(now_us) + tokens > most:
            return False
        most = limit.concurrent
        return most is None or self.in_flight < most

    def excess(self, throttle: Throttle, tokens: int, now_us: int) -> Excess | None:
        """Of the measures in the way, the one to be waited for longest; None: the call fits."""
        found: list[Excess] = []
        for measure, limit, window in self.limited(throttle):
            wait_us = window.wait_us(1 if measure is Measure.REQUESTS else tokens, limit, now_us)
            if wait_us != 0:
                found.append(Excess(throttle, measure, limit, wait_us))
        most = throttle.limit.concurrent
        if most is not None and self.in_flight >= most:
            found.append(Excess(throttle, Measure.CONCURRENT, most, CONCURRENT_WAIT_US if most else None))
        return max(found, key=_longest, default=None)

    def take(self, tokens: int, now_us: int) -> None:
        self.requests.add(1, now_us)
        self.tokens.add(tokens, now_us)
        self.in_flight += 1

    def idle(self, now_us: int) -> bool:
        return not (self.in_flight or self.requests.total(now_us) or self.tokens.total(now_us))


class _Taken(NamedTuple):
    slice: int
    shares: list[tuple[_Instance, int]]
    """Where the call counts, and with how many tokens."""


def _longest(excess: Excess) -> float:
    return float("inf") if excess.wait_us is None else excess.wait_us


def _tightness(allowance: Allowance) -> tuple[int, int]:
    return allowance.remaining, -allowance.full_us

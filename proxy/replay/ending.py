"""Ending: what a call that was let in comes to, and what it is cut to where no budget has room for more of it."""

from proxy.model.call import Hold
from proxy.policy.charge import Charge, Shortfall
from proxy.policy.rates import Rates
from proxy.ports.counters import Spent
from proxy.replay import books
from proxy.replay.counting import Counting
from proxy.replay.quiet import Quiet
from proxy.replay.turn import Turn


class Ending:
    def __init__(self, rates: Rates, counting: Counting, quiet: Quiet) -> None:
        self._rates = rates
        self._counting = counting
        self._quiet = quiet

    def settle(self, turn: Turn) -> None:
        hold, spent, standing = turn.hold, turn.spent, turn.standing
        outgrown = spent.cost_pico > hold.cost_pico or spent.tokens > hold.input_tokens + hold.output_tokens
        if outgrown and standing.kind.stream:
            self._extend(turn)
        self._counting.ended(turn.spent.cost_pico)
        # Most calls have none of these.
        if turn.more:
            self._quiet.ended(turn.more)
        if turn.sums:
            books.settle(turn)
        if standing.throttles:
            self._rates.settle(turn.id, turn.spent.tokens, max(turn.row[2], turn.row[1]))

    def _extend(self, turn: Turn) -> None:
        """A stream's hold grows to what it came to, or the stream ends where it can't."""
        standing, row = turn.standing, turn.row
        while (short := books.extend(turn, _holding(turn))) is not None:
            before = turn.spent
            turn.spent = _cut(short, turn)
            above = before.cost_pico - turn.spent.cost_pico
            self._counting.did(
                "cut", short.charge.budget.name, standing.project, row[1], turn.cost_pico, above, standing.kind.refused
            )
            if turn.spent == before:
                return


def _holding(turn: Turn) -> Hold:
    """What it holds and what it came to, whichever is more."""
    hold, spent = turn.hold, turn.spent
    tokens = max(spent.tokens, hold.input_tokens + hold.output_tokens)
    return Hold(max(spent.cost_pico, hold.cost_pico), tokens, 0)


def _cut(short: Shortfall, turn: Turn) -> Spent:
    """As much of it as there is room for: money and tokens by the same share."""
    charge = short.charge
    whole = charge.takes(_holding(turn))
    fits = max(charge.takes(turn.hold), whole - short.needed + _room(short, charge))
    spent = turn.spent
    return Spent(
        min(spent.cost_pico, max(turn.hold.cost_pico, spent.cost_pico * fits // whole)),
        min(spent.tokens, max(turn.hold.input_tokens + turn.hold.output_tokens, spent.tokens * fits // whole)),
    )


def _room(short: Shortfall, charge: Charge) -> int:
    budget = charge.budget
    return max(0, short.balance.left - (0 if budget.on_cap == "finish" else budget.reserve))

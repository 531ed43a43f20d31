"""Squeezed: from a shortfall to what is put on record of it."""

from proxy.model.money import pico_to_usd
from proxy.model.squeeze import Squeeze
from proxy.policy.amounts import word_of
from proxy.policy.charge import Shortfall
from proxy.policy.rules import Unit


def squeeze(short: Shortfall, did: str, before: str = "", after: str = "") -> Squeeze:
    budget, balance = short.charge.budget, short.balance
    amounts = (balance.limit, balance.spent, balance.held, balance.left, budget.reserve, short.needed)
    return Squeeze(
        did, budget.name, word_of(budget.unit), *(_exact(budget.unit, each) for each in amounts), before, after
    )


def _exact(unit: Unit, amount: int) -> str:
    return pico_to_usd(amount) if unit is Unit.USD else str(amount)

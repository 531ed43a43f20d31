"""Squeezed: from a shortfall to what is put on record of it."""

from proxy.model.money import pico_to_usd
from proxy.model.squeeze import Squeeze
from proxy.policy.amounts import word_of
from proxy.policy.charge import Shortfall
from proxy.policy.rules import Unit


def squeeze(short: Shortfall, did: str, before: str = "", after: str = "") -> Squeeze:
    budget, balance = short.charge.budget, short.balance
    unit = budget.unit
    return Squeeze(
        did=did,
        budget=budget.name,
        unit=word_of(unit),
        limit=_exact(unit, balance.limit),
        spent=_exact(unit, balance.spent),
        held=_exact(unit, balance.held),
        left=_exact(unit, balance.left),
        reserve=_exact(unit, budget.reserve),
        needed=_exact(unit, short.needed),
        before=before,
        after=after,
    )


def _exact(unit: Unit, amount: int) -> str:
    return pico_to_usd(amount) if unit is Unit.USD else str(amount)

"""Batched: the calls that a batch brings along, judged before it goes to the provider as each would be by itself.

No answer of theirs can be given another model or a lower limit, so a rule that would do that refuses. What a batch
costs is known from its results only: budgets don't hold it.
"""

import asyncio
from dataclasses import replace
from typing import Final

from proxy.dialects.dialect import Batched, Batching, Operation, UnreadableError
from proxy.gateway.rules import Rules
from proxy.gateway.weighing import Weighing
from proxy.model.decision import Reason, Refusal
from proxy.policy.rules import ModelRule

STEP: Final = 20
"""Calls judged before others have their turn: some milliseconds."""


def to_be_read(rules: Rules, operation: Operation) -> bool:
    """Whether the body must be read whole because a rule could be against a call in it."""
    if not operation.batch:
        return False
    policies = rules.policies
    by_model = any(rule.mode == "enforce" and _about_calls(rule) for rule in policies.rules.models)
    return by_model or policies.prices.unpriced == "refuse"


def _about_calls(rule: ModelRule) -> bool:
    """False for a rule that only names other providers: nothing of a batch goes there."""
    limits = (rule.output_tokens_max, rule.context_tokens_max, rule.cost_max_pico)
    return bool(rule.allow or rule.deny or rule.downgrade_to) or any(limit is not None for limit in limits)


async def refused(weighing: Weighing) -> Refusal | None:
    """Why the call that `weighing` is of must not go on: the first call in it that a rule is against."""
    incoming = weighing.incoming
    dialect, operation = incoming.dialect, incoming.operation
    if not (operation.batch and operation.body_read and isinstance(dialect, Batching)) or incoming.content is None:
        return None
    try:
        calls = dialect.batched(operation, incoming.content, dict(incoming.headers))
        for number, each in enumerate(calls, 1):
            if number % STEP == 0:
                await asyncio.sleep(0)
            refusal = _judged(weighing, each)
            if refusal is not None:
                return replace(refusal, message=f"{each.where}: {refusal.message}")
    except UnreadableError as error:
        return Refusal(400, Reason.BAD_REQUEST, str(error))
    return None


def _judged(weighing: Weighing, each: Batched) -> Refusal | None:
    alone = Weighing(
        weighing.rules,
        # Nothing can be written into it: so a rule that asks for that refuses.
        replace(weighing.incoming, operation=each.operation, body=b"", content=each.body),
        replace(weighing.call, operation=each.operation.name, model=each.request.model),
        each.request,
        weighing.provider,
        weighing.clock,
    )
    return alone.first()[1]

"""Evaluate: what the rules say about a call. A refusal by one rule is never lifted by another."""

from proxy.model.call import Call
from proxy.model.decision import Decision, Reason, Refusal
from proxy.policy.mistakes import shown
from proxy.policy.types import PolicySet


def evaluate(policies: PolicySet, call: Call, priced: bool) -> Decision:
    """The verdict on a call whose facts are known. `priced`: its model has a price."""
    if not priced and policies.prices.unpriced == "refuse":
        return Decision(_unpriced(policies, call), matched=("unpriced",))
    return Decision()


def _unpriced(policies: PolicySet, call: Call) -> Refusal:
    where = policies.prices.where
    return Refusal(
        400,
        Reason.UNPRICED,
        f"The model {shown(call.model)} at the provider '{call.provider}' has no known price, and {where} refuses "
        "such models. Use a model with a price, or ask an admin to add one to prices.yaml.",
        rule=where,
    )

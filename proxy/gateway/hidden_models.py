"""Hidden models: those that rules keep from a caller."""

from dataclasses import replace

from proxy.dialects.dialect import Operation
from proxy.gateway.rules import Rules
from proxy.model.call import Call
from proxy.model.decision import Reason, Refusal
from proxy.policy.model_access import denied
from proxy.policy.types import Provider


def hidden(rules: Rules, operation: Operation, call: Call, provider: Provider) -> Refusal | None:
    """The refusal of a call that asks about one model which its caller may not use: in the words of a model that
    isn't there, with the rule's name."""
    if operation.lists is None or not operation.lists.model:
        return None
    refusal = denied_at(rules, call, provider, operation.lists.model)
    return refusal and replace(refusal, status=404, reason=Reason.MODEL_HIDDEN)


def denied_at(rules: Rules, call: Call, provider: Provider, model: str) -> Refusal | None:
    served = provider.deployments.get(model)
    return denied(rules.matcher, call, model, (served,) if served else ())

"""Names: under which a call's model is known to its provider, by the providers of the policies that are tried."""

from proxy.model.call import Call
from proxy.policy.providers import served_model
from proxy.policy.types import PolicySet


def sent_model(policies: PolicySet, call: Call, instead: str = "") -> str:
    """The model that the provider is asked for; `instead`: that a rule puts in the place of the call's own."""
    model = instead or call.model
    provider = policies.providers.get(call.provider)
    return served_model(provider, model) if provider and provider.dialect != call.dialect else model


def known_as(policies: PolicySet, call: Call) -> tuple[str, ...]:
    """Other names of the call's model, as in Asked."""
    model = sent_model(policies, call)
    provider = policies.providers.get(call.provider)
    runs = provider.deployments.get(model, model) if provider else model
    return tuple({model, runs} - {call.model})

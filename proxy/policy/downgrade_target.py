"""Downgrade target: whether any provider whose calls a rule is for has the model that they shall go to."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Final

from proxy.policy.globs import can_meet, is_plain
from proxy.policy.mistakes import shown
from proxy.policy.rules import Scope
from proxy.policy.types import Provider

Sellers = Mapping[str, frozenset[str]]
"""Name of a model, as calls have it -> who sells it, as the price lists name them."""

OPENAI_HOST: Final = "//api.openai.com"
"""Other hosts speak its dialect too, and what they serve isn't on its list."""
NO_SELLERS: Final[Sellers] = {}


def sellers_of(listed: Mapping[str, str]) -> Sellers:
    """By the names of the price lists and by those without the vendor before them."""
    found: dict[str, set[str]] = {}
    for name, seller in listed.items():
        for each in {name, name.rpartition("/")[2]} if seller else ():
            found.setdefault(each, set()).add(seller)
    return {name: frozenset(sellers) for name, sellers in found.items()}


def out_of_reach(model: str, scope: Scope, providers: Mapping[str, Provider], sellers: Sellers) -> str:
    """Why no call that the rule is for can go to this model, in words; '' where one can, or nobody can tell.

    A call stays in its dialect, so its new model must be one of a provider that speaks it.
    """
    if model not in sellers:
        return ""
    fitting = [each for each in providers.values() if _is_for(scope, each, sellers)]
    if not fitting or any(_has(each.dialect, model, providers, sellers) for each in fitting):
        return ""
    named = ", ".join(f"{shown(each.name)} ({each.dialect})" for each in fitting[:3])
    return (
        f"calls stay in their dialect, and of the providers of this rule's calls, {named}, "
        f"none has {shown(model)}: what should go there would be refused"
    )


def _is_for(scope: Scope, provider: Provider, sellers: Sellers) -> bool:
    """Whether calls to it may be among the rule's."""
    conditions = scope.conditions
    for dimension, value in (("provider", provider.name), ("dialect", provider.dialect)):
        globs = conditions.get(dimension)
        if globs and not any(fnmatchcase(value, glob) for glob in globs):
            return False
    models = conditions.get("model")
    return not models or any(_offers(provider, glob, sellers) for glob in models)


def _has(dialect: str, model: str, providers: Mapping[str, Provider], sellers: Sellers) -> bool:
    return any(_offers(each, model, sellers) for each in providers.values() if each.dialect == dialect)


def _offers(provider: Provider, glob: str, sellers: Sellers) -> bool:
    """Whether it has a model that fits; one whose offer no list knows has any."""
    own = (*provider.deployments, *provider.default_for, *(model for model, _ in provider.translate))
    if any(can_meet(glob, each) for each in own):
        return True
    vendor = provider.prices or provider.dialect
    elsewhere = vendor == "openai" and OPENAI_HOST not in provider.base_url and not provider.default_for
    if elsewhere or not any(_sells(vendor, found) for found in sellers.values()):
        return True
    if is_plain(glob):
        return _sells(vendor, sellers.get(glob, frozenset()))
    return any(_sells(vendor, found) and fnmatchcase(name, glob) for name, found in sellers.items())


def _sells(vendor: str, sellers: frozenset[str]) -> bool:
    """The lists divide some vendors: 'bedrock_converse', 'text-completion-openai'."""
    return any(each.removeprefix("text-completion-").startswith(vendor) for each in sellers)

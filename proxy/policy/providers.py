"""Providers: which of them a call goes to."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final

from proxy.model.decision import Reason, Refusal
from proxy.policy.mistakes import shown
from proxy.policy.types import PolicySet, Provider

TRANSLATED: Final = {"openai": frozenset(("chat", "responses", "embeddings"))}
"""Dialect of a call -> its operations that can be translated to another dialect."""


def choose_provider(
    policies: PolicySet, dialect: str, model: str, prefix: str, project: str = "", *, operation: str = ""
) -> Provider | Refusal:
    """The provider of a call in `dialect`; `prefix` is the one that the path names, '' where it names none.

    Without a prefix it is the first in providers.yaml whose `projects` and `default_for` fit; one that names the
    call's project goes before one for all projects, one that names its model before one for all models.

    `operation`: of a call that may be translated, else ''. It goes to a provider of another dialect that translates its
    model, unless one of its own dialect names the model in `default_for`.
    """
    if prefix:
        return _named(policies, dialect, prefix, project)
    fitting = [each for each in policies.providers.values() if each.dialect == dialect and _fits(each, model, project)]
    # max() keeps the first of equals: the order of the file. A call without a model (a list of models) goes to a
    # provider for all models, where there is one.
    chosen = max(fitting, key=lambda each: (bool(each.projects), bool(each.default_for) == bool(model)), default=None)
    translatable = bool(model) and operation in TRANSLATED.get(dialect, ())
    if translatable and not any(each.default_for for each in fitting):
        translating = (each for each in policies.providers.values() if _translates(each, dialect, model, project))
        chosen = max(translating, key=lambda each: bool(each.projects), default=chosen)
    return chosen or _none_for(policies, dialect, model)


def takes(provider: Provider, dialect: str, project: str) -> bool:
    """Whether calls in this dialect and of this project may go there as they are."""
    return provider.dialect == dialect and (not provider.projects or project in provider.projects)


def served_model(provider: Provider, model: str) -> str:
    """The model that a translated call for `model` asks the provider for."""
    for glob, served in provider.translate:
        if fnmatchcase(model, glob):
            return served or model
    return model


def provider_target(provider: Provider, target: bytes) -> bytes:
    """Path and query at the provider, without the path of its base URL: `paths` applied to the call's own."""
    for here, there in provider.paths:
        begin = here.encode()
        if target.startswith(begin):
            return there.encode() + target[len(begin) :]
    return target


def _named(policies: PolicySet, dialect: str, prefix: str, project: str) -> Provider | Refusal:
    provider = policies.providers.get(prefix)
    if provider is None:
        known = ", ".join(policies.providers) or "none"
        return _unconfigured(f"There is no provider {shown(prefix)} in providers.yaml. Known: {known}.")
    if provider.dialect != dialect:
        return _unconfigured(
            f"The provider '{provider.name}' speaks {provider.dialect} ({provider.where}); this path is {dialect}'s."
        )
    if provider.projects and project not in provider.projects:
        return Refusal(
            403,
            Reason.PROJECT_FORBIDDEN,
            f"The provider '{provider.name}' is for the projects {', '.join(provider.projects)} ({provider.where}), "
            f"and this call is for {shown(project)}.",
            rule=provider.where,
        )
    return provider


def _fits(provider: Provider, model: str, project: str) -> bool:
    if provider.projects and project not in provider.projects:
        return False
    return not model or not provider.default_for or _matches(provider.default_for, model)


def _translates(provider: Provider, dialect: str, model: str, project: str) -> bool:
    if provider.dialect == dialect or (provider.projects and project not in provider.projects):
        return False
    return _matches((glob for glob, _ in provider.translate), model)


def _matches(globs: Iterable[str], model: str) -> bool:
    return any(fnmatchcase(model, glob) for glob in globs)


def _none_for(policies: PolicySet, dialect: str, model: str) -> Refusal:
    named = [each.name for each in policies.providers.values() if each.dialect == dialect]
    if named:
        return _unconfigured(
            f"No provider is the default for the model {shown(model)}. Name one in the path, as in /{named[0]}/…, or "
            f"let an admin add the model to a provider's default_for in providers.yaml (of {', '.join(named)})."
        )
    return _unconfigured(
        f"No provider that speaks {dialect} is set up. An admin adds one to providers.yaml, for example "
        f'{dialect}: {{dialect: {dialect}, base_url: "https://api.{dialect}.com", '
        f"api_key: {{env: {dialect.upper()}_API_KEY}}}}."
    )


def _unconfigured(message: str) -> Refusal:
    return Refusal(400, Reason.PROVIDER_UNCONFIGURED, message)

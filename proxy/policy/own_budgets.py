"""Own budgets: which budgets, and which of their accounts, a key's calls can count in."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from proxy.model.identity import Identity, Project
from proxy.policy.rules import Budget


def own_values(identity: Identity) -> Mapping[str, Sequence[str]]:
    """The values that a key settles, by dimension, the first the default."""
    projects = identity.projects
    return {
        "user": [identity.owner],
        "key": [identity.key_id],
        "team": list(dict.fromkeys([identity.team, *(each.team for each in projects)])),
        "project": [each.name for each in projects],
        "cost_center": [each.cost_center for each in projects],
        "purpose": [str(each.purpose) for each in projects],
    }


def is_for(budget: Budget, identity: Identity) -> bool:
    """Whether calls of this key can fall under it. Conditions that hang on the call itself may be met by one."""
    own = own_values(identity)
    return all(
        any(fnmatchcase(value, glob) for value in own[name] for glob in globs)
        for name, globs in budget.scope.conditions.items()
        if name in own
    )


def is_own(budget: Budget, instance: Sequence[str], identity: Identity) -> bool:
    """Whether they can count in this instance of the budget."""
    own = own_values(identity)
    mine = all(value in own.get(name, (value,)) for name, value in zip(budget.per, instance, strict=True))
    return mine and is_for(budget, identity)


def as_owner(identity: Identity, project: Project) -> Identity:
    """Somebody all of whose calls are in this project."""
    return replace(identity, projects=(project,), team=project.team)


def is_of_projects(budget: Budget, owned: Collection[str]) -> bool:
    """Whether each of its accounts tells of one project, or of these alone."""
    named = budget.scope.conditions.get("project", ())
    return "project" in budget.per or (bool(named) and all(glob in owned for glob in named))

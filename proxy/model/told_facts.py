"""Told facts: the typed things that are told, to the flat table on a line and back."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from sys import intern
from typing import Any, Final, get_type_hints

from proxy.model.told import (
    ArtifactTold,
    ChangeTold,
    CommitTold,
    DeploymentTold,
    DiffTold,
    Fact,
    IncidentTold,
    ReviewTold,
    ShippedTold,
)

KINDS: Final[Mapping[str, type[Fact]]] = {
    "deployment": DeploymentTold,
    "change": ChangeTold,
    "review": ReviewTold,
    "commit": CommitTold,
    "incident": IncidentTold,
    "artifact": ArtifactTold,
    "diff": DiffTold,
    "shipped": ShippedTold,
}
_KIND_OF: Final = {kind: name for name, kind in KINDS.items()}
_TYPES: Final = {name: get_type_hints(kind) for name, kind in KINDS.items()}
_READ: Final[Mapping[Any, Callable[[str], Any]]] = {
    # The same names, commits and repositories stand in many facts: each is kept once.
    str: intern,
    int: int,
    bool: lambda text: text == "1",
    tuple[str, ...]: lambda text: tuple(map(intern, text.split())),
}
_WRITE: Final[Mapping[Any, Callable[[Any], str]]] = {
    str: str,
    int: str,
    bool: lambda value: "1" if value else "",
    tuple[str, ...]: " ".join,
}
_READERS: Final = {kind: {name: _READ[each] for name, each in types.items()} for kind, types in _TYPES.items()}
_NEEDED: Final = {
    kind: frozenset(each.name for each in fields(known) if each.default is MISSING) for kind, known in KINDS.items()
}
_USUAL: Final = {kind: {each.name: each.default for each in fields(known)} for kind, known in KINDS.items()}


def kind_of(fact: Fact) -> str:
    return _KIND_OF[type(fact)]


def told(fact: Fact) -> dict[str, str]:
    """What stands on the line: nothing that is as usual. No name in a list may hold a blank."""
    kind = kind_of(fact)
    types = _TYPES[kind]
    values = {name: getattr(fact, name) for name in types}
    return {name: _WRITE[types[name]](value) for name, value in values.items() if value != _USUAL[kind][name]}


def fact_of(kind: str, facts: Mapping[str, str]) -> Fact | None:
    """None: of a kind, or without a field, that this version doesn't know. Fields that it doesn't know are left out."""
    known = KINDS.get(kind)
    if known is None:
        return None
    readers = _READERS[kind]
    if not _NEEDED[kind] <= facts.keys():
        return None
    try:
        return known(**{name: readers[name](text) for name, text in facts.items() if name in readers})
    except ValueError:
        return None

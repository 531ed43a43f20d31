"""Told facts: the typed things that are told, to the flat table on a line and back."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
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
    str: str,
    int: int,
    bool: lambda text: text == "1",
    tuple[str, ...]: lambda text: tuple(text.split()),
}
_WRITE: Final[Mapping[Any, Callable[[Any], str]]] = {
    str: str,
    int: str,
    bool: lambda value: "1" if value else "",
    tuple[str, ...]: " ".join,
}


def kind_of(fact: Fact) -> str:
    return _KIND_OF[type(fact)]


def told(fact: Fact) -> dict[str, str]:
    """What stands on the line: nothing that is as usual. No name in a list may hold a blank."""
    kind = kind_of(fact)
    values = {each.name: getattr(fact, each.name) for each in fields(fact)}
    usual = {each.name: each.default for each in fields(fact)}
    types = _TYPES[kind]
    return {name: _WRITE[types[name]](value) for name, value in values.items() if value != usual[name]}


def fact_of(kind: str, facts: Mapping[str, str]) -> Fact | None:
    """None: of a kind, or without a field, that this version doesn't know. Fields that it doesn't know are left out."""
    known = KINDS.get(kind)
    if known is None:
        return None
    types = _TYPES[kind]
    needed = {each.name for each in fields(known) if each.default is MISSING}
    if not needed <= facts.keys():
        return None
    try:
        return known(**{name: _READ[types[name]](text) for name, text in facts.items() if name in types})
    except ValueError:
        return None

"""Rule: what every rule of every file has, whatever it does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

DIMENSIONS: Final = (
    *("user", "team", "project", "key", "provider", "model", "dialect"),
    *("cost_center", "purpose", "operation", "client"),
)
"""What a rule can narrow to (`applies_to`) and divide by (`per`), beside `tags.NAME`. `user` is the owner of the key, a
service account too. `client` and tags are the caller's own word: good for dividing, and never a way out of a rule."""

Mode = Literal["enforce", "shadow"]


@dataclass(frozen=True, slots=True)
class Scope:
    """Which calls a rule is for: all conditions, each by any of its globs. No condition: every call."""

    conditions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Dimension -> globs (fnmatch, case matters)."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What every rule has."""

    name: str
    """Unique in the folder."""
    where: str
    """'file:line'."""
    scope: Scope
    mode: Mode
    contact: str
    """Whom to ask about it, in words; '' for nobody."""

"""Identity: who pays for a call, from the credential alone."""

from dataclasses import dataclass
from enum import StrEnum


class OwnerKind(StrEnum):
    PERSON = "person"
    SERVICE = "service"


class Role(StrEnum):
    DEVELOPER = "developer"
    """Sees own spend."""
    FINANCE = "finance"
    """Sees all spend; other persons' rows only with a recorded reason."""
    ADMIN = "admin"
    """As finance, and may change keys and policies."""


class Purpose(StrEnum):
    BUILD = "build"
    """Making software: the cost of delivering."""
    RUN = "run"
    """Product inference: reported beside it."""


@dataclass(frozen=True, slots=True)
class Project:
    name: str
    team: str = ""
    cost_center: str = ""
    purpose: Purpose = Purpose.BUILD
    repositories: tuple[str, ...] = ()
    """As 'host/owner/name', lower case, without scheme and '.git'."""
    members: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    """Persons who answer for its money, and see all of it."""
    registered: bool = True
    """False: named by a key, not (yet) by access.yaml."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The owner of a key, with what the key may be used for."""

    key_id: str
    owner: str
    owner_kind: OwnerKind
    role: Role
    team: str
    projects: tuple[Project, ...]
    """In the key's own order; the first is the default."""
    registered: bool = True
    """False: the owner stands in no access.yaml."""

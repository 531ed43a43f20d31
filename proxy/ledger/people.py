"""People: who may see whose rows.

Money is reported to everybody who answers for it; persons are not. A developer sees own rows. Finance and admins see
all money, but a row or a filter that could single out another person needs a reason, which is on record before the
answer and shown to that person. Without one, other people's rows fold into one. Whoever owns a project sees its money
too, and never another person's row. Service accounts are no persons.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Self

from proxy.model.identity import Identity, OwnerKind, Role
from proxy.policy.types import Access, PolicySet

OTHER_PEOPLE: Final = "(other people)"
EVERYBODY: Final = "(everybody)"
"""Whose rows were looked at, where all calls were read at once: shown to each person."""
ROWS_VIEWED: Final = "rows_viewed"
"""Kind of the act that records a look at another person's rows."""
REASON_CHARS_MAX: Final = 500


class ForbiddenError(Exception):
    """The role doesn't allow this; the message says what would."""


class ReasonNeededError(ForbiddenError):
    """It could single out another person, and no reason was given."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks."""

    name: str
    kind: OwnerKind
    role: Role
    projects: tuple[str, ...] = ()
    """That he owns, by name; none of whoever sees all."""
    key_id: str = ""
    """Of the key that was shown; '' of the local operator."""

    @classmethod
    def of(cls, identity: Identity, access: Access) -> Self:
        mine = identity.owner_kind is OwnerKind.PERSON and identity.role is Role.DEVELOPER
        owned = [each.name for each in access.projects.values() if mine and identity.owner in each.owners]
        return cls(identity.owner, identity.owner_kind, identity.role, tuple(sorted(owned)), identity.key_id)

    @property
    def sees_all(self) -> bool:
        return self.role is not Role.DEVELOPER

    @property
    def author(self) -> Mapping[str, str]:
        """What an act says of the key that it was done with, among its details; nothing of the local operator's."""
        return {"by_key": self.key_id, "by_role": str(self.role)} if self.key_id else {}

    def is_self(self, owner: str, kind: str) -> bool:
        return owner == self.name and kind == self.kind

    def is_other_person(self, owner: str, kind: str) -> bool:
        return kind == OwnerKind.PERSON and not self.is_self(owner, kind)


OPERATOR: Final = Viewer("operator", OwnerKind.SERVICE, Role.ADMIN)
"""Whoever can open the ledger's socket can read its database too: more than the socket's mode would be for show."""


OS_USER_HEADER: Final = "x-outlay-os-user"
"""In which commands say, to the ledger of their own machine, who gives them."""
_OS_USER: Final = re.compile(r"[\w.@+-]{1,64}", re.ASCII)


def operator(os_user: str) -> Viewer:
    """The local operator, by the name under which acts stand: with the user of the machine, where that is said."""
    return replace(OPERATOR, name=f"{OPERATOR.name} ({os_user})") if _OS_USER.fullmatch(os_user) else OPERATOR


@dataclass(frozen=True, slots=True)
class Directory:
    """Whom the policies in force know."""

    persons: frozenset[str] = frozenset()
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Other names of a person -> the name."""
    key_persons: Mapping[str, str] = field(default_factory=dict)
    """Ids of persons' keys -> the person."""

    @classmethod
    def of(cls, policies: PolicySet) -> Self:
        key_persons = {key.id: key.owner for key in policies.keys.values() if key.owner_kind is OwnerKind.PERSON}
        return cls(
            persons=frozenset(policies.access.people) | frozenset(key_persons.values()),
            aliases=policies.access.names,
            key_persons=key_persons,
        )

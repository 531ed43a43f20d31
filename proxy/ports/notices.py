"""Notices: what people are told, and the way out for it."""

from dataclasses import dataclass
from typing import Final, Literal, Protocol

TEXT_CHARS_MAX: Final = 2000
"""Of a message: chats cut or refuse longer ones."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that needs a person. It holds nothing of prompts or keys."""

    kind: str
    """One of policy.notify_yaml.KINDS."""
    key: str
    """What makes it this one: a target is told once for each key, whatever restarts come between."""
    title: str
    text: str
    audience: Literal["all", "persons", "others"] = "all"
    """'persons': it names a person, for targets that may read that; 'others': the same without, for the other ones."""
    level: int = 0
    """Of a budget, per cent."""
    ended_by: str = ""
    """Of a state that lasts: key of the notice of its end. When that was told, it may be told again."""
    ends: str = ""
    """Key of the notice whose state this one ends: for those who were told of it."""


class NotSentError(Exception):
    """It did not go out; the message says why, without the address. Trying again later may help."""


class Sender(Protocol):
    def send(self, address: str, notice: Notice) -> None:
        """Hand it to whoever delivers it. Blocks, for seconds at most. Raises NotSentError."""
        ...

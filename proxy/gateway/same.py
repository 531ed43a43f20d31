"""Same: what is known of calls that are the same as one that was admitted, and what may become of its own answer."""

from dataclasses import dataclass

from proxy.gateway.kept_answers import KeptAnswer, Key
from proxy.gateway.recording import Follower
from proxy.policy.redundancy_rules import CacheSettings
from proxy.policy.verdict import Shadow


@dataclass(frozen=True, slots=True)
class Keeping:
    """Its answer may be given again, once it is there."""

    key: Key
    settings: CacheSettings
    text: bool
    """False: only rules in shadow mode want it."""


@dataclass(frozen=True, slots=True)
class Leading:
    """Its answer may be shared by those who follow it."""

    key: Key
    text: bool
    """As in Keeping."""


@dataclass(frozen=True, slots=True)
class Same:
    kept: KeptAnswer | None = None
    """What it is given instead of a call to the provider."""
    follower: Follower | None = None
    """It is given another call's answer, as that comes."""
    keeping: Keeping | None = None
    leading: Leading | None = None
    shadow: tuple[Shadow, ...] = ()
    """What rules in shadow mode would have given it."""
    age_s: int = 0
    """Of `kept`."""

    @property
    def repeats(self) -> str:
        """Id of the call whose answer it is given; '': it goes to the provider."""
        if self.kept is not None:
            return self.kept.call_id
        return self.follower.recording.call_id if self.follower is not None else ""

    def leave(self) -> None:
        """The call goes no further."""
        if self.follower is not None:
            self.follower.leave()

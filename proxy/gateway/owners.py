"""Owners: who sees to it that a call in flight is settled: what tells a long call from a hold that nobody will end.

What carries a call keeps its `Owner` alive: the relay, the socket, the settlement that still counts tokens. So a call
that runs for hours keeps its hold without any renewal, and one that a fault of ours dropped is known by its dead owner.
"""

import weakref
from collections.abc import Container


class Owner:
    """Lives as long as something can still settle the call."""

    __slots__ = ("__weakref__",)


class Owners:
    """Bounded by the calls in flight, where `keep` is called now and then."""

    def __init__(self) -> None:
        self._owners: dict[str, weakref.ref[Owner]] = {}

    def own(self, call_id: str, owner: Owner) -> None:
        """The latest counts: a call that another provider takes over goes on under the same id."""
        self._owners[call_id] = weakref.ref(owner)

    def gone(self, call_id: str) -> bool:
        """True: it had an owner, and nothing is left that would settle it."""
        owner = self._owners.get(call_id)
        return owner is not None and owner() is None

    def keep(self, call_ids: Container[str]) -> None:
        """Forget all others."""
        self._owners = {id_: owner for id_, owner in self._owners.items() if id_ in call_ids}

"""Snapshot: the counters of a gateway with the place in its journal that they are true at, so that a start needs no
ledger: the snapshot, and the own lines behind it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from proxy.gateway.openings import Meaning
from proxy.policy.charge import Account
from proxy.ports.balances import Counted, Known, Place, Standing

VERSION: Final = 1


class SnapshotError(ValueError):
    """No snapshot that this program can use."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    place: Place
    meanings: frozenset[Meaning]
    """The budgets that are known: of any other, no account tells anything."""
    accounts: Mapping[Account, Standing]

    @property
    def counted(self) -> Counted:
        return Counted(self.place, {self.place[:2]: self.place.offset})

    @property
    def known(self) -> Known:
        return Known(self.accounts, self.counted.loaded)


class _Stored(msgspec.Struct):
    v: int
    place: Place
    meanings: list[Meaning]
    accounts: list[tuple[Account, str, str]]


_DECODER: Final = msgspec.json.Decoder(_Stored)


def encode(snapshot: Snapshot) -> bytes:
    """Amounts are decimal strings: sums may be wider than 64 bits."""
    accounts = [(account, str(each.total), str(each.own)) for account, each in snapshot.accounts.items()]
    return msgspec.json.encode(_Stored(VERSION, snapshot.place, sorted(snapshot.meanings), accounts))


def decode(data: bytes) -> Snapshot:
    """Raises SnapshotError."""
    try:
        stored = _DECODER.decode(data)
        accounts = {account: Standing(int(total), int(own)) for account, total, own in stored.accounts}
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise SnapshotError(f"no snapshot of counters: {error}") from None
    if stored.v != VERSION:
        raise SnapshotError(f"a snapshot of format {stored.v}; this program reads {VERSION}")
    return Snapshot(stored.place, frozenset(stored.meanings), accounts)

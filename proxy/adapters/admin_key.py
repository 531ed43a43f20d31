"""The admin key: given from outside, or made at the first start and shown once.

Only its hash is kept (`data/admin.hash`). Deleting that file makes the next start mint a new one.
"""

import secrets
from pathlib import Path

from proxy.adapters.data_folder import ADMIN_HASH_FILE, write_once
from proxy.model.identity import OwnerKind, Role
from proxy.policy.keys import RANDOM_BYTES, digest, mint
from proxy.policy.types import Key

ADMIN = "admin"


def ensure(data: Path, given: str) -> tuple[Key, str]:
    """The entry of the admin key, and the key itself where this very call minted it ('' otherwise)."""
    if given:
        return _entry(digest(given.encode())), ""
    path = data / ADMIN_HASH_FILE
    minted = mint(secrets.token_bytes(RANDOM_BYTES))
    if write_once(path, digest(minted.encode()) + "\n"):
        return _entry(digest(minted.encode())), minted
    return _entry(path.read_text().strip()), ""


def _entry(key_hash: str) -> Key:
    return Key(
        id="k_admin",
        hash=key_hash,
        owner=ADMIN,
        owner_kind=OwnerKind.SERVICE,
        projects=(),
        role=Role.ADMIN,
        where=ADMIN_HASH_FILE,
    )

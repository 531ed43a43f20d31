"""Keys: how a key is made and hashed.

A key is `outlay_`, 32 random base62 characters (190 bits), and 6 more that are the CRC-32 of all before them: so a
secret scanner can find one without false alarms.
"""

import hashlib
import zlib
from typing import Final

PREFIX: Final = "outlay_"
RANDOM_BYTES: Final = 40
"""What `mint` needs: 320 bits for 190, so that the remainder leaves no bias anyone could measure."""
ID_BYTES: Final = 4
EMPTY_DIGEST: Final = "sha256:" + hashlib.sha256(b"").hexdigest()

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_CHARS: Final = 32
_CHECKSUM_CHARS: Final = 6


def mint(random: bytes) -> str:
    """A new key from RANDOM_BYTES bytes of a cryptographic source."""
    if len(random) != RANDOM_BYTES:
        raise ValueError(f"a key needs {RANDOM_BYTES} random bytes, got {len(random)}")
    body = PREFIX + _base62(int.from_bytes(random), _SECRET_CHARS)
    return body + _checksum(body)


def mint_id(random: bytes) -> str:
    """A new key's public id, from ID_BYTES bytes that have nothing to do with the key's."""
    return f"k_{random[:ID_BYTES].hex()}"


def digest(key: bytes) -> str:
    """'sha256:<hex>', the only form in which a key is kept. A plain hash does: 190 random bits can't be guessed."""
    return "sha256:" + hashlib.sha256(key).hexdigest()


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECKSUM_CHARS)


def _base62(number: int, length: int) -> str:
    """The last `length` digits."""
    digits: list[str] = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))

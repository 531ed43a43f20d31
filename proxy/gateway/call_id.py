"""Call ids: unique, and sortable by time."""

from os import urandom
from typing import Final

PREFIX: Final = "call_"
RANDOM_BYTES: Final = 10
_PORTION: Final = 400


class Randomness:
    """`RANDOM_BYTES` at a time, of what the kernel gives in one go for many calls: to ask it each time takes ten times
    as long. Not to be shared with a process that is forked off."""

    def __init__(self) -> None:
        self._bytes = b""
        self._at = 0

    def next(self) -> bytes:
        begin = self._at
        if begin == len(self._bytes):
            self._bytes, begin = urandom(_PORTION * RANDOM_BYTES), 0
        self._at = end = begin + RANDOM_BYTES
        return self._bytes[begin:end]


def call_id(now_us: int, random: bytes) -> str:
    """'call_' and 32 hexadecimal digits: 48 bits of milliseconds, then 80 random bits (`RANDOM_BYTES` of them)."""
    return f"{PREFIX}{now_us // 1000:012x}{random.hex()}"


def opened_us(id_: str) -> int:
    """When the call was admitted, to the millisecond; 0: it is no id of ours."""
    try:
        return int(id_[len(PREFIX) : len(PREFIX) + 12], 16) * 1000
    except ValueError:
        return 0

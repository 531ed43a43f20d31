"""Frames: what the gateway and its translation process say to each other, over one socket for each call.

    gateway                                 translation process
      CALL    the caller's request    ──▶
              ◀──  ASK    the same request in the provider's dialect      (or HEAD: it can't be put so)
      ANSWER  status, headers         ──▶
      DATA …  the provider's bytes    ──▶
              ◀──  HEAD   what the caller's answer begins with
              ◀──  DATA … the caller's bytes, as they come
      END                             ──▶
              ◀──  END

In place of an END the gateway says BROKEN (the provider's answer broke off), the process FAILED (it can't go on).
"""

import asyncio
import struct
from enum import IntEnum
from typing import Final

import msgspec


class Kind(IntEnum):
    CALL = 1
    ASK = 2
    ANSWER = 3
    DATA = 4
    END = 5
    BROKEN = 6
    HEAD = 7
    FAILED = 8


class Call(msgspec.Struct, array_like=True):
    dialect: str
    """What the provider speaks."""
    operation: str
    model: str
    """As the provider knows it."""
    body: bytes


class Ask(msgspec.Struct, array_like=True):
    method: str
    target: bytes
    """Path and query as the provider documents them."""
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Answer(msgspec.Struct, array_like=True):
    status: int
    headers: list[tuple[bytes, bytes]]


class Head(msgspec.Struct, array_like=True):
    status: int
    content_type: bytes
    without: list[str]
    """What of the request the provider's dialect has no word for."""


FRAME_BYTES_MAX: Final = 128 * 1024 * 1024
"""More than any request that is translated, with room for base64."""
_HEADER: Final = struct.Struct(">BI")
encode: Final = msgspec.msgpack.encode


def frame(kind: Kind, data: bytes = b"") -> bytes:
    return _HEADER.pack(kind, len(data)) + data


async def read_frame(reader: asyncio.StreamReader) -> tuple[Kind, bytes]:
    """The next frame. Raises EOFError where the other side is gone, ValueError for what is no frame."""
    kind, size = _HEADER.unpack(await reader.readexactly(_HEADER.size))
    if size > FRAME_BYTES_MAX:
        raise ValueError("a frame beyond its limit")
    return Kind(kind), await reader.readexactly(size) if size else b""

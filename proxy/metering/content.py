"""Content-encoding undone piece by piece: gzip, deflate, br, zstd, and chains of them.

A few bytes can stand for gigabytes, so every step gives bounded pieces: a request is refused above its limit before
more is made of it, an answer is metered piece by piece and never held whole.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

import brotli
import zstandard

PIECE_BYTES_MAX: Final = 256 * 1024
"""Decoded bytes given at once."""
ENCODINGS_MAX: Final = 3
"""Longer chains count as unknown: no client sends them, and each link multiplies the work."""

_BROTLI_LIMIT_BYTES: Final = PIECE_BYTES_MAX // 2
"""The decoder may give more than its limit, as long as its buffer doesn't grow again."""
_ZSTD_WINDOW_BYTES_MAX: Final = 8 * 1024 * 1024
"""RFC 9659: what a zstd frame on the web may ask a reader to remember."""
_ZSTD_SLICE_BYTES: Final = 512
"""The decoder knows no limit of its own output: 4 bytes can stand for a block of 128 KiB, so this many for 16 MiB."""


class UnreadableContentError(Exception):
    """The bytes are not what their content-encoding says. Its message says what is wrong."""


class ExpansionError(Exception):
    """The decoded body is above the limit, which `bytes_max` names."""

    def __init__(self, bytes_max: int) -> None:
        super().__init__(f"the decoded body is above {bytes_max} bytes")
        self.bytes_max = bytes_max


class _Step(Protocol):
    """One encoding of a chain."""

    @property
    def whole(self) -> bool:
        """True at a place where the content may end."""
        ...

    def feed(self, data: bytes) -> Iterator[bytes]: ...


class Decoder:
    """One body's encodings, in the order in which they are undone."""

    def __init__(self, steps: list[_Step]) -> None:
        self._steps = steps
        self.identity = not steps
        """True: bytes are as they are."""

    @property
    def whole(self) -> bool:
        """True where nothing is missing at the end."""
        return all(step.whole for step in self._steps)

    def feed(self, data: bytes) -> Iterable[bytes]:
        """Decoded pieces, each at most PIECE_BYTES_MAX; made one by one, as they are asked for.

        Raises UnreadableContentError.
        """
        pieces: Iterable[bytes] = (data,)
        for step in self._steps:
            pieces = _through(step, pieces)
        return pieces


_IDENTITY: Final = Decoder([])
"""For all answers without an encoding: it keeps nothing of them."""


def answer_decoder(content_encoding: bytes) -> Decoder | None:
    """A decoder for the value of a content-encoding header; None where an encoding is unknown."""
    if not content_encoding:
        return _IDENTITY
    names = [name for part in content_encoding.split(b",") if (name := part.strip().lower())]
    names = [name for name in names if name != b"identity"]
    if len(names) > ENCODINGS_MAX or not all(name in _STEPS for name in names):
        return None
    return Decoder([_STEPS[name]() for name in reversed(names)])


def decoded_request(body: bytes, content_encoding: bytes, bytes_max: int) -> bytes | None:
    """The body with its encodings undone, `body` itself where it has none; None where an encoding is unknown.

    Raises ExpansionError above `bytes_max`, UnreadableContentError for broken or unfinished content.
    """
    if not content_encoding:
        return body
    decoder = answer_decoder(content_encoding)
    if decoder is None or decoder.identity:
        return body if decoder else None
    pieces: list[bytes] = []
    size = 0
    for piece in decoder.feed(body):
        size += len(piece)
        if size > bytes_max:
            raise ExpansionError(bytes_max)
        pieces.append(piece)
    if not decoder.whole:
        raise UnreadableContentError("it breaks off before the end of its content-encoding")
    return b"".join(pieces)


def _through(step: _Step, pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield from step.feed(piece)


class _Zlib:
    """gzip (RFC 1952, members one after the other) and deflate (zlib's wrapper; some senders leave it out)."""

    def __init__(self, name: str) -> None:
        self.whole = False
        self._name = name
        self._inflate: zlib._Decompress | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        full = False
        while data or full:
            if self._inflate is None:
                if self.whole and not self._another(data):
                    return
                self._inflate = zlib.decompressobj(self._window(data))
                self.whole = False
            try:
                piece = self._inflate.decompress(data, PIECE_BYTES_MAX)
            except zlib.error as error:
                raise UnreadableContentError(f"broken {self._name} content ({error})") from None
            full = len(piece) == PIECE_BYTES_MAX
            if piece:
                yield piece
            data = self._inflate.unconsumed_tail
            if self._inflate.eof:
                data, full = self._inflate.unused_data, False
                self._inflate, self.whole = None, True

    def _another(self, data: bytes) -> bool:
        """True where another member begins; padding after the last one is passed over."""
        return self._name == "gzip" and data.startswith(b"\x1f")

    def _window(self, data: bytes) -> int:
        """zlib's name for the wrapper. The first byte tells it: 8 in its low half can't begin raw deflate data."""
        if self._name == "gzip":
            return 16 + zlib.MAX_WBITS
        return zlib.MAX_WBITS if data[0] & 0x0F == 8 else -zlib.MAX_WBITS


class _Brotli:
    """RFC 7932."""

    def __init__(self) -> None:
        self._decompressor = brotli.Decompressor()

    @property
    def whole(self) -> bool:
        return bool(self._decompressor.is_finished())

    def feed(self, data: bytes) -> Iterator[bytes]:
        while not self._decompressor.is_finished():
            try:
                piece = self._decompressor.process(data, output_buffer_limit=_BROTLI_LIMIT_BYTES)
            except brotli.error as error:
                raise UnreadableContentError(f"broken br content ({error})") from None
            data = b""
            yield from _bounded(piece)
            if len(piece) < _BROTLI_LIMIT_BYTES and self._decompressor.can_accept_more_data():
                return


class _Zstd:
    """RFC 8878, frames one after the other."""

    def __init__(self) -> None:
        self.whole = False
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES_MAX)
        self._frame = self._decompressor.decompressobj()

    def feed(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), _ZSTD_SLICE_BYTES):
            yield from self._slice(data[start : start + _ZSTD_SLICE_BYTES])

    def _slice(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self.whole:
                self._frame = self._decompressor.decompressobj()
            try:
                piece = self._frame.decompress(data)
            except zstandard.ZstdError as error:
                raise UnreadableContentError(f"broken zstd content ({error})") from None
            self.whole = self._frame.eof
            yield from _bounded(piece)
            data = self._frame.unused_data


def _bounded(piece: bytes) -> Iterator[bytes]:
    for start in range(0, len(piece), PIECE_BYTES_MAX):
        yield piece[start : start + PIECE_BYTES_MAX]


_STEPS: Final[dict[bytes, Callable[[], _Step]]] = {
    b"gzip": lambda: _Zlib("gzip"),
    b"x-gzip": lambda: _Zlib("gzip"),
    b"deflate": lambda: _Zlib("deflate"),
    b"br": _Brotli,
    b"zstd": _Zstd,
}

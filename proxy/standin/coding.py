"""Coding: content-encodings, of answers when a header asks for one, and of requests as they come."""

import zlib
from typing import Final, Protocol

import brotli
import zstandard

from proxy.standin.behaviour import Encoding
from proxy.standin.protocol import WrongRequestError

BODY_BYTES_MAX: Final = 128 * 1024 * 1024
"""Of a request, as it comes and decoded."""
_STEP_BYTES: Final = 1024 * 1024
_GZIP: Final = 31
"""zlib's window size for the gzip container."""


class Coder(Protocol):
    def piece(self, data: bytes) -> bytes:
        """Encode and flush: the reader can decode everything up to here."""
        ...

    def end(self) -> bytes: ...


class Identity:
    def piece(self, data: bytes) -> bytes:
        return data

    def end(self) -> bytes:
        return b""


class Gzip:
    def __init__(self) -> None:
        self._deflate = zlib.compressobj(wbits=_GZIP)

    def piece(self, data: bytes) -> bytes:
        return self._deflate.compress(data) + self._deflate.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        return self._deflate.flush()


class Brotli:
    def __init__(self) -> None:
        self._compressor = brotli.Compressor(quality=4)

    def piece(self, data: bytes) -> bytes:
        return bytes(self._compressor.process(data) + self._compressor.flush())

    def end(self) -> bytes:
        return bytes(self._compressor.finish())


class Zstd:
    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor().compressobj()

    def piece(self, data: bytes) -> bytes:
        return self._compressor.compress(data) + self._compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)

    def end(self) -> bytes:
        return self._compressor.flush()


def coder(encoding: Encoding) -> Coder:
    coders: dict[str, type[Gzip] | type[Brotli] | type[Zstd]] = {"gzip": Gzip, "br": Brotli, "zstd": Zstd}
    return coders[encoding]() if encoding else Identity()


def decode(body: bytes, encoding: str, bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """A request's body decoded, at most `bytes_max` of it.

    Raises WrongRequestError: an unknown encoding, a body that is not of it, or one that grows beyond the limit.
    """
    if encoding in ("", "identity"):
        return body
    try:
        if encoding == "gzip":
            inflate = zlib.decompressobj(wbits=_GZIP)
            return _within(inflate.decompress(body, bytes_max + 1), bytes_max)
        if encoding == "zstd":
            return _within(_unzstd(body, bytes_max), bytes_max)
    except (zlib.error, zstandard.ZstdError) as error:
        raise WrongRequestError(f"the body is not {encoding}: {error}") from None
    raise WrongRequestError(f"content-encoding {encoding} is not supported", status=415)


def _unzstd(body: bytes, bytes_max: int) -> bytes:
    decoded = bytearray()
    with zstandard.ZstdDecompressor().stream_reader(body) as reader:
        while len(decoded) <= bytes_max and (step := reader.read(_STEP_BYTES)):
            decoded += step
    return bytes(decoded)


def _within(decoded: bytes, bytes_max: int) -> bytes:
    if len(decoded) > bytes_max:
        raise WrongRequestError("the body is too large", status=413)
    return decoded

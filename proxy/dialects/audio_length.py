"""Length of audio, by what its container says: for what is sold by time where no provider reports the time.

An estimate: a header is the word of whoever wrote the file. WAV and MP3 are taken by their byte rate and their real
size; MP4, Ogg, FLAC and WebM state a length, believed within what any audio can have.
"""

import struct
from collections.abc import Callable
from typing import Final

BYTES_PER_S: Final = 2_000
"""Of audio in a container that isn't read: 16 kbit/s, what speech codecs use at the low end."""
BYTES_PER_S_MIN: Final = 500
"""Below the lowest rate of speech codecs (Opus: 6 kbit/s)."""
BYTES_PER_S_MAX: Final = 1_000_000
"""Above uncompressed stereo at 96 kHz, and most video."""
ENDS_BYTES: Final = 64 * 1024
"""How much of the end is needed: the longest page of Ogg."""

_SAMPLES: Final = frozenset((1, 3))
"""Formats of WAV that are samples as they are, whole numbers or floating ones (RFC 2361)."""
_MP3_KBITS: Final = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
"""MPEG 1, layer 3, by the index in the frame header (ISO/IEC 11172-3)."""
_MP3_KBITS_LOW: Final = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0)
"""MPEG 2 and 2.5, layer 3 (ISO/IEC 13818-3)."""
_BOXES_MAX: Final = 64
_OPUS_HZ: Final = 48_000
"""Granules of Opus, whatever was encoded (RFC 7845)."""

Bytes = bytes | memoryview


def length_ms(head: Bytes, size: int, tail: Bytes) -> int | None:
    """Milliseconds of `size` bytes of audio; None where the container isn't known or says nothing.

    `head`: the first bytes, all of them where they are at hand (an MP4 may state its length anywhere). `tail`: the
    last ENDS_BYTES.
    """
    for magic, offset, read in _CONTAINERS:
        if bytes(head[offset : offset + len(magic)]) == magic:
            return _read(read, head, size, tail)
    return _read(_mp3, head, size, tail)


def length_or_bound_ms(file: Bytes) -> int:
    """Milliseconds of a whole file, by BYTES_PER_S where it doesn't say."""
    size = len(file)
    length = length_ms(file, size, file[-ENDS_BYTES:])
    return -(-size * 1000 // BYTES_PER_S) if length is None else length


def _read(container: Callable[[Bytes, int, Bytes], float | None], head: Bytes, size: int, tail: Bytes) -> int | None:
    try:
        seconds = container(head, size, tail)
    except (struct.error, IndexError, ZeroDivisionError):
        return None
    if seconds is None or not seconds > 0:
        return None
    return int(1000 * min(max(seconds, size / BYTES_PER_S_MAX), size / BYTES_PER_S_MIN))


def _wav(head: Bytes, size: int, tail: Bytes) -> float | None:
    """By the rate and what is there: writers to a pipe can't state a size."""
    place, rate = 12, 0
    for _ in range(_BOXES_MAX):
        name, length = bytes(head[place : place + 4]), struct.unpack_from("<I", head, place + 4)[0]
        if name == b"fmt ":
            format_, channels, hertz, rate, _, bits = struct.unpack_from("<HHIIHH", head, place + 8)
            if format_ in _SAMPLES:
                # What decoders go by: the stated rate could be any.
                rate = hertz * channels * bits / 8
        if name == b"data":
            return float(size - place - 8) / rate
        place += 8 + length + length % 2
    return None


def _mp3(head: Bytes, size: int, tail: Bytes) -> float | None:
    """By the rate of the first frame: right for a constant rate."""
    start = 0
    if bytes(head[:3]) == b"ID3":
        a, b, c, d = (head[at] for at in range(6, 10))
        start = 10 + (a << 21 | b << 14 | c << 7 | d)
    first, second, third = head[start], head[start + 1], head[start + 2]
    layer_3 = second & 0x06 == 0x02
    if first != 0xFF or second & 0xE0 != 0xE0 or not layer_3:
        return None
    kbits = (_MP3_KBITS if second & 0x18 == 0x18 else _MP3_KBITS_LOW)[third >> 4]
    return (size - start) / (kbits * 125)


def _mp4(head: Bytes, size: int, tail: Bytes) -> float | None:
    """By the movie header (ISO/IEC 14496-12, `mvhd`), box by box: it may stand at the end."""
    place = 0
    for _ in range(_BOXES_MAX):
        length, name = struct.unpack_from(">I4s", head, place)
        if name == b"moov":
            return _movie(bytes(head[place : place + ENDS_BYTES]))
        if length == 1:
            length = struct.unpack_from(">Q", head, place + 8)[0]
        if length < 8:
            return None
        place += length
    return None


def _movie(movie: bytes) -> float | None:
    start = movie.find(b"mvhd") + 4
    if start < 4:
        return None
    version = movie[start]
    scale, duration = struct.unpack_from(">IQ" if version else ">II", movie, start + (20 if version else 12))
    seconds: float = duration / scale
    return seconds


def _ogg(head: Bytes, size: int, tail: Bytes) -> float | None:
    """By the granules of the last page (RFC 3533)."""
    page = bytes(tail).rfind(b"OggS")
    first = bytes(head[:256])
    vorbis = first.find(b"\x01vorbis")
    hertz = struct.unpack_from("<I", first, vorbis + 12)[0] if vorbis >= 0 else _OPUS_HZ
    return float(struct.unpack_from("<q", tail, page + 6)[0]) / hertz if page >= 0 else None


def _flac(head: Bytes, size: int, tail: Bytes) -> float | None:
    """By its stream information (RFC 9639)."""
    packed = struct.unpack_from(">Q", head, 18)[0]
    seconds: float = (packed & (1 << 36) - 1) / (packed >> 44)
    return seconds


def _webm(head: Bytes, size: int, tail: Bytes) -> float | None:
    """By the element Duration (Matroska, 0x4489), in milliseconds at the usual scale; recordings often have none."""
    start = bytes(head[:ENDS_BYTES]).find(b"\x44\x89\x88")
    return float(struct.unpack_from(">d", head, start + 3)[0]) / 1000 if start >= 0 else None


_CONTAINERS: Final[tuple[tuple[bytes, int, Callable[[Bytes, int, Bytes], float | None]], ...]] = (
    (b"WAVE", 8, _wav),
    (b"ftyp", 4, _mp4),
    (b"OggS", 0, _ogg),
    (b"fLaC", 0, _flac),
    (b"\x1a\x45\xdf\xa3", 0, _webm),
)

"""Length of audio by its container: exact where the format is, bounded whatever a header claims."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.audio_length import (
    BYTES_PER_S,
    BYTES_PER_S_MAX,
    BYTES_PER_S_MIN,
    ENDS_BYTES,
    length_ms,
    length_or_bound_ms,
)


def wav(samples: int, *, hertz: int = 16_000, stated: int | None = None, chunks: bytes = b"") -> bytes:
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, hertz, 2 * hertz, 2, 16)
    size = 2 * samples if stated is None else stated
    return b"RIFF\0\0\0\0WAVE" + chunks + form + struct.pack("<4sI", b"data", size) + bytes(2 * samples)


def mp4(seconds: int, *, version: int = 0, last: bool = False) -> bytes:
    times = (
        struct.pack(">QQIQ", 0, 0, 1000, 1000 * seconds)
        if version
        else struct.pack(">IIII", 0, 0, 1000, 1000 * seconds)
    )
    movie = struct.pack(">I4s", 16 + len(times) + 4, b"moov") + struct.pack(">I4sB3x", 0, b"mvhd", version) + times
    movie += bytes(struct.unpack_from(">I", movie)[0] - len(movie))
    data = struct.pack(">I4s", 100_008, b"mdat") + bytes(100_000)
    return struct.pack(">I4s4sI", 16, b"ftyp", b"M4A ", 0) + (data + movie if last else movie + data)


def ogg(head: bytes, granules: int) -> bytes:
    page = struct.pack("<4sBBq", b"OggS", 0, 4, granules)
    return struct.pack("<4sBBq", b"OggS", 0, 2, 0) + bytes(14) + head + bytes(40_000) + page + bytes(14)


VORBIS = b"\x01vorbis" + struct.pack("<IBI", 0, 1, 44_100)
FLAC = b"fLaC" + bytes(14) + struct.pack(">Q", 44_100 << 44 | 15 << 36 | 44_100 * 7) + bytes(500_000)
MP3 = b"\xff\xfb\x90\x00" + bytes(16_000 * 3 - 4)
"""MPEG 1, layer 3, 128 kbit/s."""
ID3 = b"ID3\x04\0\0\0\0\x01\x00" + bytes(128)


@pytest.mark.parametrize(
    ("audio", "milliseconds"),
    [
        (wav(16_000), 1000),
        (wav(24_000), 1500),
        (wav(8_000, hertz=8_000, chunks=b"LIST\x03\0\0\0abc\0"), 1000),
        (wav(16_000, stated=0xFFFFFFFF), 1000),
        (wav(16_000, stated=2), 1000),
        (MP3, 3000),
        (ID3 + MP3, 3000),
        (mp4(12), 12_000),
        (mp4(12, version=1), 12_000),
        (mp4(12, last=True), 12_000),
        (ogg(b"OpusHead", 48_000 * 9), 9000),
        (ogg(VORBIS, 44_100 * 9), 9000),
        (FLAC, 7000),
        (b"\x1a\x45\xdf\xa3" + bytes(20) + b"\x44\x89\x88" + struct.pack(">d", 4500.0) + bytes(20_000), 4500),
    ],
)
def test_length_is_what_the_container_says(audio: bytes, milliseconds: int) -> None:
    assert length_or_bound_ms(memoryview(audio)) == milliseconds
    assert length_ms(audio[:ENDS_BYTES], len(audio), audio[-ENDS_BYTES:]) in (milliseconds, None)


def test_a_size_that_a_wav_states_counts_for_nothing() -> None:
    """Else an hour would be had for the price of a second."""
    assert length_or_bound_ms(wav(16_000 * 60, stated=32_000)) == 60_000


@pytest.mark.parametrize(
    ("audio", "seconds"),
    [(mp4(0), None), (mp4(4_000_000), 100_056 / BYTES_PER_S_MIN), (ogg(VORBIS, 1), 40_060 / BYTES_PER_S_MAX)],
)
def test_a_claim_that_no_audio_can_have_is_bounded(audio: bytes, seconds: float | None) -> None:
    expected = len(audio) / BYTES_PER_S if seconds is None else seconds
    assert length_or_bound_ms(audio) == pytest.approx(1000 * expected, rel=0.01, abs=1)


@pytest.mark.parametrize(
    "audio", [b"", b"RIFF", b"no audio at all", wav(0)[:30], b"OggS", b"fLaC", b"\xff\xfb\x00\x00x"]
)
def test_what_says_nothing_is_taken_by_its_bytes(audio: bytes) -> None:
    assert length_or_bound_ms(audio) == -(-len(audio) * 1000 // BYTES_PER_S)


MAGIC = st.sampled_from(
    [b"RIFF\0\0\0\0WAVE", b"\0\0\0\x10ftyp", b"OggS", b"fLaC", b"\x1a\x45\xdf\xa3\x44\x89\x88", b"\xff\xfb"]
)


@given(magic=MAGIC, rest=st.binary(max_size=200))
def test_any_file_has_a_length_within_bounds(magic: bytes, rest: bytes) -> None:
    file = magic + rest
    assert 0 <= length_or_bound_ms(file) <= 1000 * len(file) / BYTES_PER_S_MIN


@pytest.mark.parametrize(("format_", "milliseconds"), [(1, 10_000), (3, 10_000), (0x31, 1_600)])
def test_the_byte_rate_of_samples_is_worked_out_and_not_believed(format_: int, milliseconds: int) -> None:
    """8 kHz in 16 bits, said to be 100,000 bytes a second; other formats have no other rate."""
    header = struct.pack("<4sIHHIIHH", b"fmt ", 16, format_, 1, 8_000, 100_000, 2, 16)
    file = b"RIFF\xff\xff\xff\xffWAVE" + header + b"data\xff\xff\xff\xff" + bytes(160_000)
    assert length_or_bound_ms(file) == milliseconds

"""Content-encodings: what a body says with them undone, in any chunking and in bounded pieces."""

import gzip
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from proxy.metering.content import (
    PIECE_BYTES_MAX,
    ExpansionError,
    UnreadableContentError,
    answer_decoder,
    decoded_request,
)


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(data) + compressor.flush()


ENCODERS: dict[bytes, Callable[[bytes], bytes]] = {
    b"gzip": gzip.compress,
    b"x-gzip": gzip.compress,
    b"deflate": zlib.compress,
    b"br": lambda data: brotli.compress(data, quality=5),
    b"zstd": zstandard.ZstdCompressor().compress,
}
names = st.sampled_from([*ENCODERS, b"identity"])
TEXT = b'{"model":"gpt-4o"}' * 50


def encoded(data: bytes, encodings: list[bytes]) -> bytes:
    for encoding in encodings:
        data = ENCODERS.get(encoding, bytes)(data)
    return data


@given(st.binary(max_size=3000), st.lists(names, max_size=3), st.integers(1, 400))
def test_an_answer_decodes_to_what_was_encoded_in_any_chunking(data: bytes, encodings: list[bytes], step: int) -> None:
    decoder = answer_decoder(b", ".join(encodings))
    assert decoder is not None
    body = encoded(data, encodings)
    pieces = [piece for at in range(0, len(body), step) for piece in decoder.feed(body[at : at + step])]
    assert b"".join(pieces) == data
    assert decoder.whole


@given(st.binary(max_size=3000), st.lists(names, max_size=3))
def test_a_request_decodes_to_what_was_encoded(data: bytes, encodings: list[bytes]) -> None:
    assert decoded_request(encoded(data, encodings), b",".join(encodings), 3000) == data


def test_a_body_without_encoding_is_itself() -> None:
    assert decoded_request(TEXT, b"", 1) is TEXT
    assert decoded_request(TEXT, b" identity ", 1) is TEXT
    decoder = answer_decoder(b"")
    assert decoder is not None
    assert decoder.identity
    assert next(iter(decoder.feed(TEXT))) is TEXT


@pytest.mark.parametrize("header", [b"compress", b"gzip, sdch", b"gzip, gzip, gzip, gzip"])
def test_an_unknown_encoding_says_so(header: bytes) -> None:
    assert answer_decoder(header) is None
    assert decoded_request(TEXT, header, 10_000) is None


def test_names_are_read_without_case() -> None:
    assert decoded_request(gzip.compress(TEXT), b"GZip", 10_000) == TEXT


@pytest.mark.parametrize("encoding", [b"gzip", b"zstd"])
@pytest.mark.parametrize("step", [1, 5, 10_000])
def test_members_and_frames_follow_each_other(encoding: bytes, step: int) -> None:
    body = ENCODERS[encoding](TEXT) + ENCODERS[encoding](b"") + ENCODERS[encoding](b"and more")
    decoder = answer_decoder(encoding)
    assert decoder is not None
    pieces = [piece for at in range(0, len(body), step) for piece in decoder.feed(body[at : at + step])]
    assert b"".join(pieces) == TEXT + b"and more"


def test_deflate_without_its_wrapper_is_read() -> None:
    assert decoded_request(raw_deflate(TEXT), b"deflate", 10_000) == TEXT


def test_padding_behind_a_gzip_member_is_passed_over() -> None:
    assert decoded_request(gzip.compress(TEXT) + b"\0" * 100, b"gzip", 10_000) == TEXT


@pytest.mark.parametrize("encoding", ENCODERS)
def test_a_request_above_the_limit_names_the_limit(encoding: bytes) -> None:
    body = ENCODERS[encoding](b"\0" * 10_000_000)
    with pytest.raises(ExpansionError, match="1000000 bytes") as caught:
        decoded_request(body, encoding, 1_000_000)
    assert caught.value.bytes_max == 1_000_000
    assert decoded_request(ENCODERS[encoding](TEXT), encoding, len(TEXT)) == TEXT


@pytest.mark.parametrize(
    "encodings", [[b"gzip"], [b"deflate"], [b"br"], [b"zstd"], [b"gzip", b"br"], [b"zstd", b"gzip"]]
)
def test_a_bomb_comes_in_bounded_pieces_made_one_by_one(encodings: list[bytes]) -> None:
    decoder = answer_decoder(b",".join(encodings))
    assert decoder is not None
    size = 0
    for piece in decoder.feed(encoded(b"\0" * 10_000_000, encodings)):
        assert len(piece) <= PIECE_BYTES_MAX
        size += len(piece)
    assert size == 10_000_000
    assert decoder.whole


@pytest.mark.parametrize("encoding", ENCODERS)
def test_broken_content_is_named(encoding: bytes) -> None:
    body = bytearray(ENCODERS[encoding](TEXT))
    body[: len(body) // 2] = b"\xff" * (len(body) // 2)
    with pytest.raises(UnreadableContentError, match="broken"):
        decoded_request(bytes(body), encoding, 10_000)


@pytest.mark.parametrize("encoding", ENCODERS)
def test_a_request_that_breaks_off_is_no_request(encoding: bytes) -> None:
    with pytest.raises(UnreadableContentError, match="breaks off"):
        decoded_request(ENCODERS[encoding](TEXT)[:-1], encoding, 10_000)


def test_a_frame_that_asks_for_too_much_memory_is_refused() -> None:
    params = zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
    compressor = zstandard.ZstdCompressor(compression_params=params).compressobj()
    body = compressor.compress(TEXT) + compressor.flush()
    with pytest.raises(UnreadableContentError, match="zstd"):
        decoded_request(body, b"zstd", 10_000)

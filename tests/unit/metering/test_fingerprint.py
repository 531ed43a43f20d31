"""Fingerprints: equal for equal content and key, and for nothing else."""

import hmac

from hypothesis import given
from hypothesis import strategies as st

from proxy.metering.fingerprint import fingerprint

KEY = b"k" * 32
slices = st.lists(st.binary(max_size=20), max_size=4)


@given(slices, slices)
def test_different_slices_have_different_fingerprints(one: list[bytes], other: list[bytes]) -> None:
    assert (fingerprint(KEY, one) == fingerprint(KEY, other)) == (one == other)


def test_it_is_128_bits_in_hex_and_depends_on_the_key() -> None:
    made = fingerprint(KEY, [b"hello"])
    assert len(bytes.fromhex(made)) == 16
    assert made != fingerprint(b"another", [b"hello"])
    assert made == fingerprint(KEY, (b"hello",))


@given(st.binary(max_size=150), slices)
def test_it_is_the_hmac_of_the_framed_slices(key: bytes, content: list[bytes]) -> None:
    framed = b"".join(len(piece).to_bytes(8, "big") + piece for piece in content)
    assert fingerprint(key, content) == hmac.new(key, framed, "sha256").hexdigest()[:32]

"""Keys: made and hashed."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.keys import EMPTY_DIGEST, ID_BYTES, RANDOM_BYTES, digest, mint, mint_id

randoms = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES)


@given(randoms)
def test_a_key_is_what_secret_scanners_look_for(random: bytes) -> None:
    key = mint(random)
    assert re.fullmatch(r"outlay_[0-9A-Za-z]{38}", key)


@given(randoms, randoms)
def test_other_bytes_make_another_key(one: bytes, other: bytes) -> None:
    assert (mint(one) == mint(other)) is (one == other)


def test_the_checksum_is_the_crc_32_of_the_rest() -> None:
    # zlib.crc32(b"outlay_" + b"0" * 32) in base 62, digits 0-9 A-Z a-z.
    assert mint(bytes(RANDOM_BYTES)) == "outlay_" + "0" * 32 + "1dGmb8"


def test_too_little_randomness_is_an_error() -> None:
    with pytest.raises(ValueError, match="40 random bytes"):
        mint(b"short")


def test_an_id_shows_nothing_of_the_key() -> None:
    assert mint_id(bytes(range(ID_BYTES))) == "k_00010203"


def test_a_digest_is_the_sha_256_and_nothing_has_one_too() -> None:
    assert digest(b"abc") == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest(b"") == EMPTY_DIGEST

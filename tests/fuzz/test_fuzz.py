"""Every parser holds to its laws on what fuzzing found, on its seeds, and on mutations of both."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import fuzz
from bench.fuzz_seeds import CASES, seeds
from bench.fuzz_targets import TARGETS

KEPT = [pytest.param(path, id=f"{path.parent.name}/{path.name}") for path in sorted(CASES.glob("*/*"))]
WORDS = (
    *(
        b"\x00",
        b"\xff",
        b"\xed\xa0\x80",
        b"\xc2\x9b",
        b"\x1b[2J",
        b"\r\n",
        b"\r",
        b"\xe2\x80\xa8",
        b"\\ud800",
        b"\\u0000",
    ),
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b",",
        b":",
        b"null",
        b"true",
        b"-1",
        b"1e400",
        b"NaN",
        b"9" * 25,
        b"0" * 5000,
        b"0.1",
    ),
    *(b"[" * 1200, b'{"a":' * 1200, b"&a [*a, *a]", b"<<", b"!!python/object:os.system", b"--- \n", b"%2e%2e%2f"),
    *(b"data:", b"event: error\n", b"usage", b"model", b"stream", b"null,null"),
)


@pytest.mark.parametrize("case", KEPT)
def test_what_fuzzing_found_is_mended(case) -> None:
    TARGETS[case.parent.name](case.read_bytes())


def test_the_command_knows_every_target() -> None:
    assert set(fuzz.TARGETS) == set(TARGETS)
    assert {path.name for path in CASES.glob("*")} <= set(TARGETS)


@pytest.mark.parametrize("target", TARGETS)
def test_every_seed_means_something_and_holds(target: str) -> None:
    assert seeds(target)
    for seed in seeds(target):
        TARGETS[target](seed)


@st.composite
def mutated(draw: st.DrawFn, beginnings: list[bytes]) -> bytes:
    """A seed with pieces cut out, put in, taken from another seed, or written over."""
    data = draw(st.sampled_from(beginnings))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 40)))
        other = draw(st.sampled_from(beginnings))
        at = draw(st.integers(0, len(other)))
        piece = draw(st.sampled_from(WORDS) | st.binary(max_size=6) | st.just(other[at : at + 60]))
        data = data[:start] + piece + data[end:]
    return data


@pytest.mark.parametrize("target", TARGETS)
def test_no_mutation_breaks_a_law(target: str) -> None:
    @settings(max_examples=150)
    @given(mutated(seeds(target)))
    def holds(data: bytes) -> None:
        TARGETS[target](data)

    holds()

"""What the detector works out in a quicker way is what the long way gives: same text, same hashes."""

import re
from array import array
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from proxy.redundancy import canonical, nonces, toolloops
from proxy.redundancy.conversation import Turn
from proxy.redundancy.hashing import Keyed
from proxy.redundancy.reading import Reader
from proxy.redundancy.segments import distinct, hashed
from proxy.redundancy.toolloops import SAME_RESULT_SHARE, same_result

KEYED = Keyed(b"key")
ODD = "\x00\x1c\x1f\x85\xa0\u2003\u2028é漢\ud800"
texts = st.text(st.sampled_from("aB c\n\t\x0b" + ODD), max_size=30)
tokens = st.sampled_from(
    [
        *(
            "Report",
            "getUserName",
            "TxGjHzSoQDWl",
            "1782824354437",
            "424d7c6c08cdb2c4",
            "2026-07-09 16:25",
            "12:03:04.5",
        ),
        *("run 21669", "run #7", "attempt 12", "[id: c5f7b8e2-1234-4abc-9def-0123456789ab]", "A", "7", "#", "---"),
        *("----===", "***", "-=-=-=", " ", "\n", ".", ":", "é", "\u200b", "漢字"),
    ]
)
talk = st.lists(tokens | texts, max_size=12).map("".join)
lines = st.lists(st.integers(0, 20), max_size=17, unique=True)


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Tokens as they are found with capitals and figures apart, and numbers of runs wherever they are named."""
    found, last = [], 0
    classes = text.encode("latin-1", "replace").translate(nonces._CLASSES)
    for candidate in re.finditer(rb"[A0][aA0.]{5,63}", classes):
        start = classes.rfind(b" ", last, candidate.start()) + 1 or last
        last = candidate.end()
        token = text[start:last].rstrip(nonces._TAIL)
        if len(token) < nonces.TOKEN_CHARS_MIN:
            continue
        end = start + len(token)
        if nonces.is_nonce(token):
            found.append((start, end))
        elif nonces._DATE.match(token) and (time := nonces._TIME_AFTER.match(text, end)):
            last = time.end()
            found.append((start, last))
    if "#" in text or any(label in text for label in nonces._COUNTED_LABELS):
        for counter in nonces._COUNTER.finditer(text):
            if nonces._COUNTED.search(text[max(0, counter.start() - 20) : counter.start()]):
                found.append(counter.span())
    end = 0
    for span in sorted(found):
        if span[0] >= end:
            yield span
            end = span[1]


@given(talk)
def test_nonces_are_found_where_they_stand(text: str) -> None:
    assert list(nonces._spans(text)) == list(spans(text))


@given(talk)
def test_rules_are_taken_out_mark_by_mark(text: str) -> None:
    plain = nonces.masked(canonical.visible(text))
    assert canonical.canonical(text) == re.sub(r"([-=_*~#])\1{2,}", " ", plain).casefold()


@given(st.lists(texts | talk, max_size=6))
def test_texts_are_packed_as_they_are_made_compact(said: list[str]) -> None:
    packed = [canonical.compact(text).encode("utf-8", "surrogatepass") for text in said]
    assert [canonical.packed(text) for text in said] == packed == canonical.packed_each(said)


@given(st.lists(st.sampled_from(["a b", "ab", "a\tb", "c", "c ", "d"]) | texts, max_size=8))
def test_of_pieces_that_read_the_same_the_last_is_left(pieces: list[str]) -> None:
    assert list(distinct(pieces)) == list(hashed(pieces, KEYED).values())


@given(lines, lines, st.booleans())
def test_results_are_compared_line_by_line(old: list[int], new: list[int], said: bool) -> None:
    one, other = Turn("a", 0, 1, 1, array("I", old)), Turn("b", 0, 1, 1 if said else 2, array("I", new))
    both, most = len(set(old) & set(new)), max(len(old), len(new))
    alike = min(len(old), len(new)) >= 4 and both >= SAME_RESULT_SHARE * most
    assert same_result(one, other, frozenset(new)) is (said or alike)


@given(
    st.lists(st.sampled_from([*toolloops._LABELS, " ", ":", "=", "5", "1.2 ms", "x", "é", "_", "\n", "."]), max_size=9)
)
def test_numbers_of_processes_are_left_out_wherever_they_stand(said: list[str]) -> None:
    text = "".join(said)
    assert toolloops._steady(text) == toolloops._LABELLED.sub("", toolloops._DURATION.sub("", text))


@given(texts, st.lists(texts, max_size=9))
def test_an_end_is_the_hash_of_all_before_it(start: str, parts: list[str]) -> None:
    ends = KEYED.prefixes(start, parts)
    whole = [KEYED.text(start + "".join(parts[:many])) for many in range(len(parts), 0, -1)]
    assert [ends.of(number) for number in range(len(ends))] == whole


@given(st.lists(st.tuples(st.sampled_from(["system", "user"]), texts), max_size=4), st.integers(1, 3))
def test_a_system_prompt_that_is_known_again_is_the_same(messages: list[tuple[str, str]], times: int) -> None:
    reader = Reader(KEYED)
    first = reader.read("alice", messages)
    assert all(reader.read("alice", messages) == first == Reader(KEYED).read("alice", messages) for _ in range(times))

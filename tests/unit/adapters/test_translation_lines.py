"""JSON stays what it is, in lines that any reader finds."""

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from proxy.adapters.translation_lines import LineEnds

TEXTS = st.text(alphabet=st.sampled_from('a\u0085\u2028\u2029\u2027\u0080\u20ac☃ü€"\\'), max_size=12)


@given(TEXTS, st.lists(st.integers(0, 60), max_size=6))
def test_no_character_breaks_a_line_and_none_is_lost(said: str, cuts: list[int]) -> None:
    data = json.dumps({"said": said}, ensure_ascii=False).encode() + b"\n"
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    lines = LineEnds()
    pieces = [lines.feed(data[here:there]) for here, there in pairwise(places)]
    whole = b"".join([*pieces, lines.finish()]).decode()
    assert len(whole.splitlines()) == 1
    assert json.loads(whole) == {"said": said}


def test_what_ends_within_a_character_is_given_as_it_is() -> None:
    lines = LineEnds()
    assert lines.feed(b"a\xe2\x80") == b"a"
    assert lines.finish() == b"\xe2\x80"

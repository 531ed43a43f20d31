"""Vocabulary: what the stand-in says.

Every piece is exactly one token of o200k_base (and of cl100k_base), and so is each one within any prefix of an answer:
whoever counts the text that passed before a cut comes to the number of pieces that were sent.
"""

from typing import Final

SENTENCE: Final = (
    *(" This", " is", " a", " fake", " answer", " from", " a", " stand", " in", " provider", ":", " no", " model"),
    *(" was", " asked", " and", " these", " words", " are", " filler", "."),
)
"""How every answer begins, so that nobody takes it for a model's."""

_LIST: Final = """
    amber basin delta field garden harbor island jungle kernel lemon marble north ocean paper river silver timber
    under valley winter yellow anchor bridge candle desert engine forest golden hollow iron jacket knight ladder
    needle orange pepper quiet rabbit saddle temple urban window yard zero apple beach cloud dance flame grape house
    image juice king light mountain night open piano queen rain stone tree uncle voice water young bread chair dream
    earth fruit green horse inside joint knife leaf music number order plant quick round sound table unit visit world
    year blue clear deep early fresh grand high large main new old pure red safe tall vast warm
"""
WORDS: Final = tuple(" " + word for word in _LIST.split())

FILLER_DEFAULT: Final = 12
"""Words after the sentence where nobody asks for a length."""


def pieces(count: int | None, seed: int) -> tuple[str, ...]:
    """`count` pieces (default: the sentence and a few words), the same for the same seed, other words for another."""
    wanted = len(SENTENCE) + FILLER_DEFAULT if count is None else count
    words = [WORDS[(seed + step * (1 + seed % 7)) % len(WORDS)] for step in range(wanted - len(SENTENCE))]
    return (*SENTENCE, *words)[:wanted]

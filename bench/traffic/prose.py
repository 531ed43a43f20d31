"""Text in words: sentences, letters, tickets, other languages. The vocabulary is `words`; nothing is copied."""

import re
import zlib
from random import Random
from typing import Final

from .words import ADJECTIVES, ADVERBS, NOUNS, SYLLABLES, VERBS

_SHAPES: Final = (
    "The {a} {n} of the {n} has to {v} its {n} before the {n} can {v}",
    "{N} and {n} were {a} on the day when {t} asked us to {v} the {n}",
    "We {v} the {n} {r}, because a {a} {n} would otherwise {v} the {n}",
    "After {d} days the {n} at {t} became {a}, and nobody could {v} it {r}",
    "Whoever wants to {v} a {n} should first {v} the {a} {n} and tell the {n}",
    "A {a} {n} costs {d} a month; the {n} that {t} proposes costs {d}",
    "In section {d} the {n} is called {a}, although the {n} says to {v} it",
    "{t} will {v} {d} {n}s {r} and leave the {a} {n} to the {n}",
    "Please {v} the {n} near the {n}, as it is {a} and will not {v} by itself",
    "Neither the {n} nor the {a} {n} may {v} unless {t} agrees to {v}",
    "Their {n} showed {d} percent more {n} than the {a} {n} of last {n}",
    "If the {n} is {a}, {v} it {r}; if it is {a}, {v} the {n} instead",
    "It took {d} hours to {v} what the {n} had left {a} in the {n}",
    "Most {n}s are {a}, some are {a}, and {d} of them {r} {v} at {t}",
    "The reason is {a}: a {n} cannot {v} while the {n} is {a}",
    "Between {t} and the {n} lies a {a} {n}, which {d} people {v} {r}",
    "Since the {n} moved, {n}s {v} {r} and the {a} ones need a {n}",
    "Ask {t} whether the {a} {n} or the {n} should {v} the remaining {d}",
    "What the {n} gains by a {a} {n} it loses when it must {v} the {n}",
    "For every {n} there are {d} {n}s that {v} {r} without a {a} {n}",
    "{N} first, then {n}, then the {a} {n}: in that order we {v}",
    "No {n} was found to be {a}, but {d} {n}s had to {v} again",
    "The {n}'s {a} {n} is due to {v} in week {d}, says the {n} of {t}",
    "Once {a}, the {n} will {v} {r} and so {v} a second {n}",
)
Shape = tuple[str | tuple[str, ...] | None, ...]
_POOLS: Final = {"n": NOUNS, "v": VERBS, "a": ADJECTIVES, "r": ADVERBS, "N": tuple(noun.capitalize() for noun in NOUNS)}


def _parsed(shape: str) -> tuple[str, ...]:
    return tuple(re.split(r"\{(\w)\}", shape))


_PARSED: Final = tuple(_parsed(shape) for shape in _SHAPES)
_LETTERS: Final = re.compile(r"[a-z]+")


def name(rng: Random) -> str:
    """An invented proper name."""
    return "".join(rng.choices(SYLLABLES, k=rng.choice((2, 3, 3)))).capitalize()


def filled(rng: Random, shape: tuple[str, ...], topics: tuple[str, ...]) -> str:
    """A split shape (text, slot, text, …) with its slots filled."""
    choice, parts = rng.choice, list(shape)
    for at in range(1, len(parts), 2):
        slot = parts[at]
        if slot == "d":
            parts[at] = str(int(rng.random() * 980) + 2)
        else:
            parts[at] = choice(topics if slot == "t" else _POOLS[slot])
    return "".join(parts)


def topics(rng: Random) -> tuple[str, ...]:
    """The names that one text keeps coming back to."""
    return tuple(name(rng) for _ in range(5))


def sentence(rng: Random, about: tuple[str, ...] = ("the office",)) -> str:
    return filled(rng, rng.choice(_PARSED), about) + "."


def prose(rng: Random, chars: int, about: tuple[str, ...] | None = None) -> str:
    """Paragraphs of about so many characters."""
    about, written, lines = about or topics(rng), 0, []
    while written < chars:
        line = sentence(rng, about)
        lines.append(line + ("\n\n" if rng.random() < 0.18 else " "))
        written += len(line) + 1
    return "".join(lines).rstrip()


def ticket(rng: Random, number: int) -> str:
    about = topics(rng)
    title = f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)} cannot {rng.choice(VERBS)} the {rng.choice(NOUNS)}"
    severity, area = rng.choice(("low", "normal", "high")), rng.choice(NOUNS)
    return f"#{number} {title}\nseverity: {severity}  area: {area}\n{prose(rng, rng.randint(160, 700), about)}"


def letter(rng: Random, matter: str) -> str:
    city, due = name(rng), f"2026-{rng.randint(6, 12):02d}-{rng.randint(1, 28):02d}"
    return (
        f"Recipient: {name(rng)} {rng.choice(('Ltd', 'KG', 'Oy', 'SA'))}, {city}\n"
        f"Reference: {rng.randint(10000, 99999)}\nMatter: {matter}\n"
        f"Amount: {rng.randint(20, 9000)}.{rng.randint(0, 99):02d} EUR\nDue: {due}\n"
        f"Remark: {sentence(rng, (city,))}"
    )


def foreign(text: str, language: str) -> str:
    """The text in an invented tongue that stands for `language`: word for word, the same word always the same."""

    def word(match: re.Match[str]) -> str:
        plain = match.group()
        mark = zlib.crc32(f"{language} {plain}".encode())
        count, parts = max(1, min(4, len(plain) // 2)), []
        for _ in range(count):
            mark, at = divmod(mark, len(SYLLABLES))
            parts.append(SYLLABLES[at])
        return "".join(parts)

    return _LETTERS.sub(word, text)

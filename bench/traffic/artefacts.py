"""Text of machines: source code, diffs, logs, records, test output."""

import json
from random import Random
from typing import Any, Final

from .words import ADJECTIVES, NOUNS, VERBS

_STATEMENTS: Final = (
    "{x} = {f}({y}, {d})",
    "if {x}.{n} > {d} and not {y}.{n}:",
    '    raise {C}(f"{a} {n}: {{{x}!r}}")',
    "for {y} in {x}.{n}s[: {d}]:",
    "    {x}.{v}_{n}({y}, {n}={d})",
    'log.info("{v} %s of %s {n}s", {x}, {y})',
    '{x}["{n}_{n}"] = {y}.{v}().{n}',
    "with self.{n}_{n}.{v}({x}) as {y}:",
    "    {y}.{v}(self._{n}, {x}, timeout_s={d})",
    "assert {x}.{n} == {d}, {y}",
    "return {C}({n}={x}, {n}_{n}={y}.{n})",
    "self.{n}.{v}({x} or self._{a}_{n})",
    "# the {n} is {a} here: {v} it before the {n} can {v}",
    '{y} = [{v}_{n}(each) for each in {x} if each.{n} != "{a}"]',
    "await {x}.{v}_{n}({y}.{n}, {a}=True)",
    "{x}, {y} = {y}.{n}, {x}.{v}({d})",
)
LEVELS: Final = ("INFO", "INFO", "INFO", "WARN", "ERROR", "DEBUG")
_PARSED: Final = tuple(tuple(line.replace("{{", "\x01").replace("}}", "\x02").split("{")) for line in _STATEMENTS)


def _statement(rng: Random, names: tuple[str, ...]) -> str:
    choice = rng.choice
    first, *rest = choice(_PARSED)
    parts = [first]
    for piece in rest:
        slot = piece[0]
        if slot in "xy":
            parts.append(choice(names))
        elif slot == "n":
            parts.append(choice(NOUNS))
        elif slot == "v":
            parts.append(choice(VERBS))
        elif slot == "a":
            parts.append(choice(ADJECTIVES))
        elif slot == "f":
            parts.append(f"{choice(VERBS)}_{choice(NOUNS)}")
        elif slot == "C":
            parts.append(choice(NOUNS).capitalize() + choice(NOUNS).capitalize())
        else:
            parts.append(str(rng.randint(2, 900)))
        parts.append(piece[2:])
    return "".join(parts).replace("\x01", "{").replace("\x02", "}")


def function(rng: Random, lines: int) -> str:
    names = tuple(rng.sample(NOUNS, 4))
    head = f"def {rng.choice(VERBS)}_{rng.choice(ADJECTIVES)}_{rng.choice(NOUNS)}({', '.join(names[:2])}):"
    return "\n".join([head, *("    " + _statement(rng, names) for _ in range(lines))])


def source(rng: Random, chars: int) -> str:
    """A module of about so many characters."""
    parts, written = (
        [f"from {rng.choice(NOUNS)}.{rng.choice(NOUNS)} import {rng.choice(NOUNS)}_{rng.choice(NOUNS)}"],
        60,
    )
    while written < chars:
        parts.append(function(rng, rng.randint(5, 14)))
        written += len(parts[-1]) + 3
    return "\n\n\n".join(parts)


def edited(rng: Random, text: str, lines: int) -> tuple[str, str]:
    """The text with some lines rewritten, and the diff that says so."""
    rows = text.split("\n")
    names, diff = tuple(rng.sample(NOUNS, 3)), []
    for _ in range(lines):
        at = rng.randrange(len(rows))
        new = "    " + _statement(rng, names)
        diff.append(f"@@ -{at + 1} +{at + 1} @@\n-{rows[at]}\n+{new}")
        rows[at] = new
    return "\n".join(rows), "\n".join(diff)


def diff(rng: Random, hunks: int) -> str:
    """A diff of files that are not shown otherwise."""
    parts = []
    for _ in range(hunks):
        names, at = tuple(rng.sample(NOUNS, 4)), rng.randint(1, 900)
        rows = [rng.choice("  +-+") + "    " + _statement(rng, names) for _ in range(rng.randint(5, 14))]
        parts.append(f"--- a/{path(rng)}\n@@ -{at},{len(rows)} +{at},{len(rows)} @@\n" + "\n".join(rows))
    return "\n".join(parts)


def path(rng: Random) -> str:
    folder = rng.choice(("src", "lib", "app", "core", "service"))
    return f"{folder}/{rng.choice(NOUNS)}/{rng.choice(VERBS)}_{rng.choice(NOUNS)}.py"


def log(rng: Random, lines: int, second: int = 0) -> str:
    rows = []
    for _ in range(lines):
        second += rng.randint(0, 4)
        clock = f"{second // 3600 % 24:02d}:{second // 60 % 60:02d}:{second % 60:02d}.{rng.randint(0, 999):03d}"
        rows.append(
            f"{clock} {rng.choice(LEVELS)} {rng.choice(NOUNS)}-{rng.randint(1, 9)}"
            f" {rng.choice(VERBS)} {rng.choice(NOUNS)}"
            f" id={rng.getrandbits(32):08x} took={rng.randint(1, 4000)}ms {rng.choice(NOUNS)}={rng.randint(0, 99)}"
        )
    return "\n".join(rows)


def record(rng: Random, depth: int = 2) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for _ in range(rng.randint(4, 7)):
        key = f"{rng.choice(NOUNS)}_{rng.choice(NOUNS)}"
        if depth and rng.random() < 0.45:
            made[key] = record(rng, depth - 1) if rng.random() < 0.5 else [record(rng, 0) for _ in range(2)]
        else:
            made[key] = rng.choice(
                (rng.randint(0, 9999), f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}", rng.random() < 0.5)
            )
    return made


def records(rng: Random, chars: int) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    written = 0
    while written < chars:
        made.append(record(rng))
        written += len(json.dumps(made[-1]))
    return made


def failure(rng: Random, test: str, line: int, wanted: int, got: int) -> str:
    """What a test runner prints of one failing test."""
    return (
        f"<result>F{'.' * rng.randint(20, 60)}\n==== FAILURES ====\n____ {test} ____\n    assert total == {wanted}\n"
        f"E   assert {got} == {wanted}\ntests/{test}.py:{line}: AssertionError\n1 failed, {rng.randint(40, 60)} passed"
        f" in {rng.random() * 5 + 1:.2f}s"
    )

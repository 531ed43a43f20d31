"""Secret sources: where a secret is found, as {env: NAME} or {file: PATH}. What stands instead is not repeated."""

import re
from collections.abc import Collection
from typing import Final

from proxy.policy.document import Node, Table, Word
from proxy.policy.mistakes import Mistakes
from proxy.policy.types import Secret

VARIABLE_PATTERN: Final = r"[A-Za-z_][A-Za-z0-9_]{0,127}"
NOWHERE: Final = Secret("none")

_VARIABLE: Final = re.compile(VARIABLE_PATTERN, re.ASCII)


def named_source(value: Node, kinds: Collection[str]) -> tuple[Word, Node] | None:
    """The kind and what it says, of a table that says one of them and nothing else; None: it may be a secret itself."""
    pairs = value.pairs if isinstance(value, Table) else ()
    return pairs[0] if len(pairs) == 1 and pairs[0][0].text in kinds else None


def read_place(kind: str, body: Node, mistakes: Mistakes, what: str, example: str = "") -> Secret:
    """Of 'env' or 'file'. `what`: the secret, as sentences call it ('the key')."""
    text = source_text(body)
    if kind == "env" and _VARIABLE.fullmatch(text):
        return Secret("env", text)
    if kind == "file" and text.strip():
        return Secret("file", text)
    meant = "the name of an environment variable" if kind == "env" else "the path of a file"
    mistakes.add(body, f"{kind} is {meant}, never {what} itself (what stands here is not shown)", example)
    return NOWHERE


def source_text(body: Node) -> str:
    return body.text if isinstance(body, Word) and body.text.isprintable() else ""

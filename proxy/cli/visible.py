"""Visible: documents of the ledger as a terminal may show them.

Names of models, branches and tags are callers' own words. Characters that can't be seen, or that turn the text around
them (zero width, right to left, line separators), are shown as escapes, so that no two names look alike.
"""

from typing import Any


def visible(value: Any) -> Any:
    """The document with every such character in its texts escaped; everything else as it is."""
    if isinstance(value, str):
        return value if value.isprintable() else "".join(map(_shown, value))
    if isinstance(value, list):
        return [visible(each) for each in value]
    if isinstance(value, dict):
        return {visible(name): visible(each) for name, each in value.items()}
    return value


def _shown(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()

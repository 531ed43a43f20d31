"""Visible: text that others wrote, as a terminal or a log may show it.

Names of models, branches and tags are callers' own words, and words of policy files their writers'. Characters that
can't be seen, or that turn or move the text around them (escape sequences, zero width, right to left, line
separators), are shown as escapes, so that no two names look alike and no word can forge a line.
"""


def visible(text: str) -> str:
    """On one line."""
    return text if text.isprintable() else "".join(map(_shown, text))


def visible_lines(text: str) -> str:
    """The same with its line breaks, for text that has lines of its own; what follows a break can't pass for a new
    statement of ours where it is indented."""
    return "\n".join(map(visible, text.split("\n")))


def _shown(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()

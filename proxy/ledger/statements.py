"""Statements: the SQL files of this package by name."""

from functools import cache
from importlib.resources import files


@cache
def statement(name: str) -> str:
    """The text of sql/<name>.sql."""
    return (files(__package__) / "sql" / f"{name}.sql").read_text(encoding="utf-8")


def numbered() -> list[tuple[int, str]]:
    """The migrations in order: number and name of every sql/NNNN_….sql."""
    names = (entry.name.removesuffix(".sql") for entry in (files(__package__) / "sql").iterdir())
    return sorted((int(name[:4]), name) for name in names if name[:4].isdigit())

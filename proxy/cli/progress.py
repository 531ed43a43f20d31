"""Progress: how far long work is, on stderr; a bar on a terminal, else a line every few seconds."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import typer

LINES_EVERY_S: Final = 5.0

Step = Callable[[int], None]
"""Told how much is done by now."""


@contextmanager
def progress(what: str, total: int | None, unit: str) -> Iterator[Step]:
    """`total`: how much there is; None where nobody knows."""
    if sys.stderr.isatty():
        with _bar(what, total, unit) as step:
            yield step
    else:
        yield _lines(what, total, unit)


@contextmanager
def _bar(what: str, total: int | None, unit: str) -> Iterator[Step]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[done]}", style="dim"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=total, done="")
        yield lambda done: shown.update(task, completed=done, done=f"{done:,} {unit}")


def _lines(what: str, total: int | None, unit: str) -> Step:
    last = time.monotonic()

    def step(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= LINES_EVERY_S:
            last = now
            of = f" of {total:,}" if total else ""
            typer.echo(f"{what}: {done:,}{of} {unit}", err=True)

    return step

"""Progress: how far long work is, as a bar on stderr where that is a terminal; elsewhere, in a log, nothing."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Step = Callable[[int], None]
"""Told how much is done by now."""


@contextmanager
def progress(what: str, total: int | None, unit: str) -> Iterator[Step]:
    """`total`: how much there is; None where nobody knows."""
    if sys.stderr.isatty():
        with _bar(what, total, unit) as step:
            yield step
    else:
        yield lambda done: None


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

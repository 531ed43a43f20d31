"""`outlay init`: the starter policy files."""

from pathlib import Path
from typing import Annotated

import typer

from proxy.cli.configured import NO, UNTRIED, configured, stop


def init(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Where to write them.", show_default="policies")
    ] = None,
) -> None:
    """Write starter policy files, with comments, into a folder that has none."""
    from proxy.adapters.starter_files import write_starter

    place = configured(policies=folder).policies
    try:
        written = write_starter(place)
    except OSError as error:
        stop(f"{place} can't be written: {error.strerror}", UNTRIED)
    if not written:
        stop(f"{place} already holds policy files, and is left as it is", NO)
    typer.echo(f"Wrote {', '.join(written)} to {place}/. `outlay policy check {place}` checks them after every edit.")

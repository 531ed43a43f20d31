"""Configured: the settings a command runs with, or an exit that names what is wrong with them."""

from typing import NoReturn

import typer

from proxy.model.visible import visible_lines
from proxy.settings import Settings, SettingsError

NO = 1
"""Exit code: the answer is no."""
UNTRIED = 2
"""Exit code: it could not be tried."""


def configured(**flags: object) -> Settings:
    """The settings, flags before environment before defaults; a flag of None was not given."""
    try:
        return Settings.load(None, **flags)
    except SettingsError as error:
        stop(str(error), UNTRIED)


def stop(message: str, code: int) -> NoReturn:
    """Say why on stderr, and exit."""
    typer.echo(f"outlay: {visible_lines(message)}", err=True)
    raise typer.Exit(code)

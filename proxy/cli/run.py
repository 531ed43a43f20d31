"""`outlay run`: starts an agent CLI or any program with SDKs in it, with its calls going through outlay."""

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from proxy.adapters.git_head import work_tree
from proxy.cli.configured import UNTRIED, configured, stop
from proxy.cli.hook import install_hook
from proxy.cli.target import Target, check, target
from proxy.cli.tools.json_text import BrokenError, get
from proxy.cli.tools.launch import AIDER_HEADERS_FILE, LAUNCHES, Launch, Start, launch, tool_of
from proxy.cli.tools.place import SESSION_VARIABLE, Origin, Place, ToolError
from proxy.cli.whole_file import write_whole
from proxy.model.repository import repository
from proxy.settings import config_folder, whole_environ

NOT_FOUND: Final = 127
NOT_EXECUTABLE: Final = 126
_SESSION: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")

CONTEXT: Final = {"ignore_unknown_options": True, "allow_interspersed_args": False}


def run(
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND …", help="E.g. claude, codex, python app.py")],
    project: Annotated[str, typer.Option(help="One of your key's projects; else the repository's, or its first.")] = "",
    own_login: Annotated[
        bool,
        typer.Option("--own-login", help="Keep the tool's own login or provider key; outlay's key goes beside it."),
    ] = False,
    provider: Annotated[str, typer.Option(help="A provider of providers.yaml by name.")] = "",
    tool: Annotated[str, typer.Option(help=f"Where the command's name doesn't say it: {', '.join(LAUNCHES)}.")] = "",
    hook: Annotated[
        bool,
        typer.Option("--install-hook", help="First, a git hook: commits of this session name it. As `setup hook`."),
    ] = False,
) -> None:
    """Start COMMAND with base URLs, key and repository headers set. Its exit code, signals and terminal are its own."""
    found = target(configured())
    if hook:
        install_hook(Path.cwd(), err=True)
    environ = whole_environ()
    session = session_of(environ)
    place = Place(found.gateway, found.key, own_login, provider, _origin(Path.cwd(), project, session).headers())
    name = tool or tool_of(command)
    try:
        start = launch(Start(place, tuple(command), environ), name)
        if name == "gemini":
            check_gemini(Path(environ.get("GEMINI_CLI_HOME") or Path.home()) / ".gemini" / "settings.json")
    except ToolError as error:
        stop(str(error), UNTRIED)
    check(found)
    _become(start, start.environ(environ) | _headers_file(start, found) | {SESSION_VARIABLE: session})


def session_of(environ: Mapping[str, str]) -> str:
    """A new one; within `outlay run` the one there is."""
    there = environ.get(SESSION_VARIABLE, "")
    return there if _SESSION.fullmatch(there) else f"run-{secrets.token_hex(12)}"


def check_gemini(settings: Path) -> None:
    """Behind another base URL Gemini CLI takes only the login that its settings name. Raises ToolError."""
    try:
        login = get(settings.read_text(), ("security", "auth", "selectedType"))[1]
    except (OSError, ValueError, BrokenError):
        login = None
    if login != "gemini-api-key":
        why = f"it is set to log in by {login!r}, past outlay" if login else "its settings name no login"
        raise ToolError(
            f"Gemini CLI takes another base URL only with the login 'gemini-api-key', and {why}: run "
            "`outlay setup gemini` once"
        )


def _origin(folder: Path, project: str, session: str) -> Origin:
    tree = work_tree(folder)
    return Origin(repository(tree.remote), tree.branch, tree.commit, project, session)


def _headers_file(start: Launch, found: Target) -> dict[str, str]:
    """aider takes headers only from a file: one for each folder it is started in."""
    if not start.headers_file:
        return {}
    name = hashlib.sha256(f"{Path.cwd()}".encode()).hexdigest()[:16]
    path = config_folder() / "run" / f"aider-{name}.yml"
    try:
        write_whole(path, start.headers_file, 0o600)
    except OSError as error:
        stop(f"{path}: {error.strerror or error}", UNTRIED)
    return {AIDER_HEADERS_FILE: str(path)}


def _become(start: Launch, environ: dict[str, str]) -> None:
    """Replaces this process, so that nothing stands between the tool and its terminal, signals and exit code."""
    program = start.arguments[0]
    if shutil.which(program, path=environ.get("PATH")) is None:
        stop(f"there is no command {program!r} here", NOT_FOUND)
    try:
        os.execvpe(program, list(start.arguments), environ)  # noqa: S606  # the command somebody asked for, without a shell
    except OSError as error:
        stop(f"{program} can't be started: {error.strerror}", NOT_EXECUTABLE)

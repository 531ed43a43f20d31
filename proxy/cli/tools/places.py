"""Places: which settings files each tool has, and what outlay puts into them."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from proxy.cli.tools.json_text import get
from proxy.cli.tools.launch import (
    CLAUDE_FEATURES,
    aider_headers,
    aider_variables,
    codex_provider,
    header_lines,
    opencode_options,
    sdk_variables,
)
from proxy.cli.tools.marked_lines import lines_of, marked
from proxy.cli.tools.place import KEY_HEADER, KEY_VARIABLE, Place, ToolError
from proxy.cli.tools.settings_files import (
    JsonFile,
    LinesFile,
    SettingsFile,
    codex_toml,
    env_lines,
    yaml_entries,
    yaml_settings,
)

MODEL_LIMIT: Final = 50
_CONTINUE_HEAD: Final = {"name": "outlay", "version": "1.0.0", "schema": "v1"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants set up, and where this user's files are."""

    place: Place
    home: Path
    key_file: Path
    """Where the key stands, for tools that can be told to look there."""
    folder: Path
    """outlay's own configuration folder."""
    environ: Mapping[str, str]
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SetUp:
    files: tuple[SettingsFile, ...]
    words: tuple[str, ...] = ()
    """What is left to do by hand, or to know."""


def set_up(tool: str, wish: Wish, read: Callable[[Path], str]) -> SetUp:
    """What a tool needs. `read`: the text of a file without outlay in it, '' where there is none.

    Raises ToolError, BrokenError.
    """
    return SETUPS[tool](wish, read)


def _claude(wish: Wish, read: Callable[[Path], str]) -> SetUp:
    folder = wish.environ.get("CLAUDE_CONFIG_DIR")
    path = (Path(folder) if folder else wish.home / ".claude") / "settings.json"
    text = read(path)
    env: dict[str, Any] = {"ANTHROPIC_BASE_URL": wish.place.root, **CLAUDE_FEATURES}
    changes: list[tuple[tuple[str, ...], Any]] = [(("env", name), value) for name, value in env.items()]
    secret = False
    if wish.place.own_login:
        there = str(_value(text, ("env", "ANTHROPIC_CUSTOM_HEADERS")) or "")
        lines = header_lines({KEY_HEADER: wish.place.key}, there)
        changes.append((("env", "ANTHROPIC_CUSTOM_HEADERS"), lines))
        secret = True
    else:
        taken = [name for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN") if _value(text, ("env", name))]
        changes += [(("env", name), None) for name in taken]
        changes.append((("apiKeyHelper",), f"cat {shlex.quote(str(wish.key_file))}"))
    set_here = [name for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN") if wish.environ.get(name)]
    words = (
        ()
        if wish.place.own_login
        else tuple(f"{name} is set in this shell and would win: unset it" for name in set_here)
    )
    return SetUp((JsonFile(path, tuple(changes), secret),), words)


def _codex(wish: Wish, read: Callable[[Path], str]) -> SetUp:
    folder = wish.environ.get("CODEX_HOME")
    path = (Path(folder) if folder else wish.home / ".codex") / "config.toml"
    table = codex_provider(wish.place)
    words: tuple[str, ...] = ()
    if wish.place.own_login:
        words = (
            f'Codex reads the key from a variable: export {KEY_VARIABLE}="$(cat {shlex.quote(str(wish.key_file))})"',
        )
    else:
        del table["env_key"]
        table["auth"] = {"command": "cat", "args": [str(wish.key_file)]}
    return SetUp((LinesFile(path, codex_toml(table)),), words)


def _gemini(wish: Wish, read: Callable[[Path], str]) -> SetUp:
    folder = wish.home / ".gemini"
    variables = {"GOOGLE_GEMINI_BASE_URL": wish.place.root}
    if wish.place.own_login:
        variables["GEMINI_CLI_CUSTOM_HEADERS"] = f'"{KEY_HEADER}: {wish.place.key}"'
    else:
        variables["GEMINI_API_KEY"] = wish.place.key
    # Behind another base URL Gemini CLI takes only a login that its settings name.
    login = JsonFile(folder / "settings.json", ((("security", "auth", "selectedType"), "gemini-api-key"),))
    words = ("A .env file in a project's own folders is read instead of ~/.gemini/.env",)
    return SetUp((LinesFile(folder / ".env", env_lines(variables), secret=True), login), words)


def _opencode(wish: Wish, read: Callable[[Path], str]) -> SetUp:
    base = wish.environ.get("XDG_CONFIG_HOME", "")
    folder = (Path(base) if base else wish.home / ".config") / "opencode"
    path = folder / ("opencode.jsonc" if read(folder / "opencode.jsonc") else "opencode.json")
    options = opencode_options(wish.place, f"{{file:{wish.key_file}}}")
    changes: list[tuple[tuple[str, ...], Any]] = [
        (("provider", provider, "options", name), value)
        for provider, values in options.items()
        for name, value in values.items()
    ]
    return SetUp((JsonFile(path, tuple(changes)),))


def _aider(wish: Wish, read: Callable[[Path], str]) -> SetUp:
    path = wish.home / ".aider.conf.yml"
    variables = [f"{name}={value}" for name, value in aider_variables(wish.place).items()]
    files: list[SettingsFile] = [LinesFile(path, yaml_settings({}, {"set-env": variables}), secret=True)]
    if wish.place.own_login:
        path = wish.home / ".aider.model.settings.yml"
        if "aider/extra_params" in read(path):
            raise ToolError(
                f"{path} has an entry aider/extra_params already; add the header {KEY_HEADER} to it by hand"
            )
        block = aider_headers(wish.place).splitlines()
        files.append(LinesFile(path, lambda text: marked(text, [(len(lines_of(text)), block)]), secret=True))
    return SetUp(tuple(files), ("A .env file in a repository wins over ~/.aider.conf.yml",))


def _continue(wish: Wish, read: Callable[[Path], str]) -> SetUp:
    if not wish.models:
        raise ToolError("Continue lists its models: name them, e.g. --model gpt-5.4 --model claude-sonnet-5")
    entries = [_continue_model(model, wish.place) for model in wish.models[:MODEL_LIMIT]]
    folder = wish.home / ".continue"
    files: list[SettingsFile] = [LinesFile(folder / "config.yaml", yaml_entries("models", entries, _CONTINUE_HEAD))]
    files.append(LinesFile(folder / ".env", env_lines({KEY_VARIABLE: wish.place.key}), secret=True))
    return SetUp(tuple(files))


def _continue_model(model: str, place: Place) -> dict[str, Any]:
    provider = "anthropic" if "claude" in model else "gemini" if "gemini" in model else "openai"
    base = f"{place.root}/v1beta" if provider == "gemini" else place.v1
    secret = f"${{{{ secrets.{KEY_VARIABLE} }}}}"
    entry: dict[str, Any] = {"name": f"{model} (outlay)", "provider": provider, "model": model, "apiBase": base}
    if place.own_login:
        return entry | {"requestOptions": {"headers": {KEY_HEADER: secret}}}
    return entry | {"apiKey": secret}


def _sdk(wish: Wish, read: Callable[[Path], str]) -> SetUp:
    path = wish.folder / "env.sh"
    values = sdk_variables(wish.place, f"${KEY_VARIABLE}")
    lines = {KEY_VARIABLE: f'"$(cat {shlex.quote(str(wish.key_file))})"'}
    lines |= {name: f'"{value}"' if "$" in value else shlex.quote(value) for name, value in values.items()}
    return SetUp(
        (LinesFile(path, env_lines(lines, export=True)),),
        (f"In each shell, or in its profile: . {shlex.quote(str(path))}",),
    )


def _cursor(wish: Wish, read: Callable[[Path], str]) -> SetUp:
    return SetUp((), cursor_steps(wish.place))


def cursor_steps(place: Place) -> tuple[str, ...]:
    """Cursor keeps this in its own store, and calls from its servers."""
    return (
        "Cursor has no file for this. In Cursor: Settings > Models > API Keys:",
        "  1. OpenAI API Key: switch it on, and paste your outlay key (an admin gave it to you)",
        f"  2. Override OpenAI Base URL: switch it on: {place.v1}",
        "  3. Add the models you use by name, and switch off those that you don't want to reach through outlay",
        "Cursor calls from its own servers, so this URL must be reachable from the internet, over https://.",
        "Tab completion and Cursor's own models don't use your key: they aren't metered here.",
    )


def _value(text: str, path: Sequence[str]) -> Any:
    return get(text, path)[1] if text.strip() else None


SETUPS: Final[Mapping[str, Callable[[Wish, Callable[[Path], str]], SetUp]]] = {
    "claude": _claude,
    "codex": _codex,
    "gemini": _gemini,
    "opencode": _opencode,
    "aider": _aider,
    "cursor": _cursor,
    "continue": _continue,
    "sdk": _sdk,
}

"""Launch: the environment and the arguments with which an agent CLI starts, so that its calls go through outlay.

No credential ever stands in an argument, where other users of a machine can read it. What a user has set for a tool
stays, save what would lead its calls past outlay.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Final

from proxy.cli.tools.place import KEY_HEADER, KEY_VARIABLE, Place, ToolError

AIDER_HEADERS_FILE: Final = "AIDER_MODEL_SETTINGS_FILE"

CLAUDE_FEATURES: Final = {
    "_CLAUDE_CODE_ASSUME_FIRST_PARTY_BASE_URL": "1",
    "ENABLE_TOOL_SEARCH": "true",
}
"""What Claude Code switches off where its base URL isn't Anthropic's own, and outlay carries unchanged: deferral of MCP
tools, the million-token window, fine-grained tool streaming, the small model for side tasks, shared prompt caches."""
CLAUDE_ELSEWHERE: Final = ("CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY", "CLAUDE_CODE_USE_ANTHROPIC_AWS")
"""Claude Code's ways to clouds whose dialects outlay doesn't speak: its calls would go past it."""

OPENCODE_PROVIDERS: Final = {"openai": "/v1", "anthropic": "/v1", "google": "/v1beta"}
"""opencode's names of providers, and where under a gateway's root each begins."""

_RUNNERS: Final = {"npx", "bunx", "pnpx", "uvx", "pipx"}
_FALSE: Final = ("", "0", "false", "no", "off")


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a command."""

    arguments: tuple[str, ...]
    changed: Mapping[str, str]
    """Variables to set."""
    removed: tuple[str, ...] = ()
    """Variables that would lead past outlay, or carry a credential that it must not see."""
    headers_file: str = ""
    """Text for a file that the variable AIDER_HEADERS_FILE shall name; '' where none is needed."""

    def environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        kept = {name: value for name, value in environ.items() if name not in self.removed}
        return {**kept, **self.changed}


@dataclass(frozen=True, slots=True)
class Start:
    """What somebody asked to start."""

    place: Place
    arguments: tuple[str, ...]
    """The command itself first."""
    environ: Mapping[str, str] = field(default_factory=dict)


def tool_of(arguments: Sequence[str]) -> str:
    """The tool's name by the command, looked up behind `npx` and its like; 'sdk' for anything not known."""
    names = [PurePath(each).name.removesuffix(".exe").removesuffix(".cmd") for each in arguments]
    if names and names[0] in _RUNNERS:
        names = [
            name.partition("@")[0] for each, name in zip(arguments, names, strict=True) if not each.startswith("-")
        ]
        names = [_PACKAGES.get(name, name) for name in names[1:2]]
    return names[0] if names and names[0] in LAUNCHES else "sdk"


def launch(start: Start, tool: str = "") -> Launch:
    """How to start it. Raises ToolError."""
    found = LAUNCHES.get(tool or tool_of(start.arguments))
    if found is None:
        raise ToolError(f"no tool is called {tool!r}: {', '.join(LAUNCHES)}")
    return found(start)


def header_lines(headers: Mapping[str, str], existing: str = "") -> str:
    """Headers a line each, after those that a user has set for other purposes."""
    kept = [line for line in existing.splitlines() if line.strip() and not line.strip().lower().startswith("x-outlay-")]
    return "\n".join([*kept, *(f"{name}: {value}" for name, value in headers.items())])


def _claude(start: Start) -> Launch:
    environ, place = start.environ, start.place
    elsewhere = next((name for name in CLAUDE_ELSEWHERE if _is_on(environ.get(name, ""))), "")
    if elsewhere:
        raise ToolError(f"{elsewhere} is set, which leads Claude Code past outlay; unset it")
    features = {name: value for name, value in CLAUDE_FEATURES.items() if name not in environ}
    headers = header_lines(place.all_headers(), environ.get("ANTHROPIC_CUSTOM_HEADERS", ""))
    changed = {
        "ANTHROPIC_BASE_URL": place.root,
        **features,
        **({"ANTHROPIC_CUSTOM_HEADERS": headers} if headers else {}),
    }
    if _is_on(environ.get("CLAUDE_CODE_USE_BEDROCK", "")):
        if place.own_login:
            raise ToolError("Bedrock's requests are signed for one host, so --own-login can't work with them")
        bedrock = {"ANTHROPIC_BEDROCK_BASE_URL": f"{place.gateway}/bedrock", "AWS_BEARER_TOKEN_BEDROCK": place.key}
        return Launch(start.arguments, changed | bedrock)
    if place.own_login:
        return Launch(start.arguments, changed)
    removed = ("ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN")
    return Launch(start.arguments, changed | {"ANTHROPIC_AUTH_TOKEN": place.key}, removed)


def codex_provider(place: Place) -> dict[str, Any]:
    """The table [model_providers.outlay], without the key.

    It is named OpenAI because Codex goes by that name when it decides what the provider can do: compaction at the
    provider's side, above all.
    """
    table: dict[str, Any] = {"name": "OpenAI", "base_url": place.v1, "wire_api": "responses"}
    table |= {"supports_websockets": True}
    if place.own_login:
        table |= {"requires_openai_auth": True, "env_http_headers": {KEY_HEADER: KEY_VARIABLE}}
    else:
        table |= {"env_key": KEY_VARIABLE}
    return table | ({"http_headers": dict(place.headers)} if place.headers else {})


def _codex(start: Start) -> Launch:
    """By arguments, because Codex has no variable for its base URL."""
    settings = {"model_provider": "outlay"}
    settings |= {f"model_providers.outlay.{name}": value for name, value in codex_provider(start.place).items()}
    flags = [flag for name, value in settings.items() for flag in ("-c", f"{name}={toml_value(value)}")]
    place = _own_place(start.arguments, "codex")
    arguments = (*start.arguments[:place], *flags, *start.arguments[place:])
    return Launch(arguments, {KEY_VARIABLE: start.place.key})


def _gemini(start: Start) -> Launch:
    place = start.place
    kept = re.split(r",(?=\s*[^,:]+:)", start.environ.get("GEMINI_CLI_CUSTOM_HEADERS", ""))
    kept = [each.strip() for each in kept if each.strip() and not each.strip().lower().startswith("x-outlay-")]
    ours = [f"{name}: {value}" for name, value in place.all_headers().items() if "," not in value]
    changed = {"GOOGLE_GEMINI_BASE_URL": place.root}
    if kept or ours:
        changed["GEMINI_CLI_CUSTOM_HEADERS"] = ", ".join([*kept, *ours])
    removed = ["GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_GCA"]
    if not place.own_login:
        changed["GEMINI_API_KEY"] = place.key
        removed.append("GOOGLE_API_KEY")
    return Launch(start.arguments, changed, tuple(removed))


def opencode_options(place: Place, key: str) -> dict[str, dict[str, Any]]:
    """Options of opencode's providers. `key`: how the file refers to it."""
    headers = {**place.headers, **({KEY_HEADER: key} if place.own_login else {})}
    shared = {**({} if place.own_login else {"apiKey": key}), **({"headers": headers} if headers else {})}
    return {name: {"baseURL": f"{place.root}{path}", **shared} for name, path in OPENCODE_PROVIDERS.items()}


def _opencode(start: Start) -> Launch:
    existing = start.environ.get("OPENCODE_CONFIG_CONTENT", "") or "{}"
    try:
        config = json.loads(existing)
    except ValueError:
        raise ToolError("OPENCODE_CONFIG_CONTENT is set and isn't JSON; mend or unset it") from None
    options = opencode_options(start.place, f"{{env:{KEY_VARIABLE}}}")
    ours = {"provider": {name: {"options": values} for name, values in options.items()}}
    content = json.dumps(merged(config, ours), separators=(",", ":"))
    return Launch(start.arguments, {"OPENCODE_CONFIG_CONTENT": content, KEY_VARIABLE: start.place.key})


def aider_variables(place: Place) -> dict[str, str]:
    """Of LiteLLM, on which aider stands."""
    bases = {"OPENAI_API_BASE": place.v1, "ANTHROPIC_API_BASE": place.root, "GEMINI_API_BASE": place.root}
    keys = dict.fromkeys(("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"), place.key)
    return bases if place.own_login else bases | keys


def aider_headers(place: Place) -> str:
    """aider's model settings that put the headers on every call; '' where there are none."""
    headers = place.all_headers()
    if not headers:
        return ""
    lines = [f"      {name}: {json.dumps(value)}" for name, value in headers.items()]
    return "\n".join(["- name: aider/extra_params", "  extra_params:", "    extra_headers:", *lines]) + "\n"


def _aider(start: Start) -> Launch:
    changed = aider_variables(start.place)
    # aider's own spelling of the same wins over its configuration file.
    changed["AIDER_OPENAI_API_BASE"] = changed["OPENAI_API_BASE"]
    if not start.place.own_login:
        changed |= {f"AIDER_{name}_API_KEY": start.place.key for name in ("OPENAI", "ANTHROPIC")}
    file = "" if start.environ.get(AIDER_HEADERS_FILE) else aider_headers(start.place)
    return Launch(start.arguments, changed, headers_file=file)


def sdk_variables(place: Place, key: str) -> dict[str, str]:
    """Of the providers' SDKs. `key`: itself, or how a shell refers to it."""
    lines = header_lines({**place.headers, **({KEY_HEADER: key} if place.own_login else {})})
    headers = {"OPENAI_CUSTOM_HEADERS": lines, "ANTHROPIC_CUSTOM_HEADERS": lines} if lines else {}
    bases = {"OPENAI_BASE_URL": place.v1, "ANTHROPIC_BASE_URL": place.root}
    if place.own_login:
        return bases | headers
    return {
        **bases,
        "OPENAI_API_KEY": key,
        "ANTHROPIC_API_KEY": key,
        "GOOGLE_GEMINI_BASE_URL": place.root,
        "GEMINI_API_KEY": key,
        "AZURE_OPENAI_ENDPOINT": f"{place.gateway}/azure",
        "AZURE_OPENAI_API_KEY": key,
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": f"{place.gateway}/bedrock",
        "AWS_BEARER_TOKEN_BEDROCK": key,
        **headers,
    }


def _sdk(start: Start) -> Launch:
    changed = sdk_variables(start.place, start.place.key) | {KEY_VARIABLE: start.place.key}
    for name in ("OPENAI_CUSTOM_HEADERS", "ANTHROPIC_CUSTOM_HEADERS"):
        if name in changed and start.environ.get(name):
            changed[name] = header_lines(start.place.all_headers(), start.environ[name])
    # google-genai prefers the first; the second would be sent to outlay beside the key.
    removed = () if start.place.own_login else ("GOOGLE_API_KEY", "ANTHROPIC_AUTH_TOKEN")
    return Launch(start.arguments, changed, removed)


LAUNCHES: Final[Mapping[str, Callable[[Start], Launch]]] = {
    "claude": _claude,
    "codex": _codex,
    "gemini": _gemini,
    "opencode": _opencode,
    "aider": _aider,
    "sdk": _sdk,
}
_PACKAGES: Final = {
    "claude-code": "claude",
    "gemini-cli": "gemini",
    "opencode-ai": "opencode",
    "aider-chat": "aider",
}


def merged(base: Any, ours: Any) -> Any:
    """Tables merged, ours on top."""
    if not isinstance(base, dict) or not isinstance(ours, dict):
        return ours
    return {**base, **{name: merged(base.get(name), value) for name, value in ours.items()}}


def toml_value(value: object) -> str:
    """A value as TOML writes it in one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return (
            "{"
            + ", ".join(f"{json.dumps(name, ensure_ascii=False)} = {toml_value(each)}" for name, each in value.items())
            + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(toml_value(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _own_place(arguments: Sequence[str], name: str) -> int:
    """Where a command's own arguments begin: behind its name, which may stand behind a runner's."""
    return next((index + 1 for index, each in enumerate(arguments) if PurePath(each).name.startswith(name)), 1)


def _is_on(value: str) -> bool:
    return value.strip().lower() not in _FALSE

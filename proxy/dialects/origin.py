"""Origin: what clients say about where a call comes from. Good for grouping, never for charging: all of it is theirs
to set.

Recorded from real clients: Claude Code, Codex, opencode, pi.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from proxy.metering.json_object import NO_JSON
from proxy.model.repository import repository

TEXT_CHARS_MAX: Final = 200
_METADATA_BYTES_MAX: Final = 16 * 1024

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_SESSION_HEADERS: Final = (
    b"x-claude-code-session-id",
    b"session-id",
    b"session_id",
    b"x-session-id",
    b"thread-id",
)
_AGENT_HEADERS: Final = (b"x-claude-code-agent-id", b"x-openai-subagent")
_CODEX_METADATA: Final = b"x-codex-turn-metadata"
_OLD_SESSION: Final = "_session_"


def session(headers: Mapping[bytes, bytes], in_body: str = "") -> str:
    """The session by its header, else what the body has for one; '' where neither is there."""
    return _header(headers, _SESSION_HEADERS) or (bounded(in_body) if in_body else "")


def agent(headers: Mapping[bytes, bytes]) -> str:
    """Which of a client's own agents calls; '' for its main one."""
    return _header(headers, _AGENT_HEADERS)


def workspace(headers: Mapping[bytes, bytes]) -> tuple[str, str]:
    """Repository ('host/owner/name') and commit that Codex states with each call; '' for what it doesn't."""
    metadata = headers.get(_CODEX_METADATA)
    if not metadata or len(metadata) > _METADATA_BYTES_MAX:
        return "", ""
    workspaces = _get(_json(metadata), "workspaces")
    for place in workspaces.values() if isinstance(workspaces, dict) else ():
        name = _remote(_get(place, "associated_remote_urls"))
        if name:
            return name, bounded(_get(place, "latest_git_commit_hash"))
    return "", ""


def user_session(user_id: object) -> str:
    """The session in Anthropic's `metadata.user_id`, as Claude Code fills it: JSON, formerly 'user_…_session_…'."""
    if not isinstance(user_id, str) or len(user_id) > _METADATA_BYTES_MAX:
        return ""
    if user_id.startswith("{"):
        return bounded(_get(_json(user_id.encode("utf-8", "replace")), "session_id"))
    return bounded(user_id.rpartition(_OLD_SESSION)[2]) if _OLD_SESSION in user_id else ""


def bounded(value: object) -> str:
    """A text of at most TEXT_CHARS_MAX characters without control characters; '' for anything but a text."""
    return _CONTROL.sub("", value[: 2 * TEXT_CHARS_MAX]).strip()[:TEXT_CHARS_MAX] if isinstance(value, str) else ""


def _header(headers: Mapping[bytes, bytes], names: tuple[bytes, ...]) -> str:
    for name in names:
        value = headers.get(name)
        if value:
            return bounded(value[: 4 * TEXT_CHARS_MAX].decode("utf-8", "replace"))
    return ""


def _remote(urls: object) -> str:
    """The repository by its remotes: 'origin' where there is one, else the first."""
    named = urls if isinstance(urls, dict) else dict(enumerate(urls)) if isinstance(urls, list) else {}
    ordered = sorted(named.items(), key=lambda item: item[0] != "origin")
    return next((name for _, url in ordered if isinstance(url, str) and (name := repository(url))), "")


def _json(text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except NO_JSON:
        return None


def _get(value: object, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None

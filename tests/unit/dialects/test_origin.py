"""Origin: sessions, agents and workspaces as real clients state them, bounded."""

import json
from typing import Any

import pytest

from proxy.dialects import origin


@pytest.mark.parametrize(
    ("headers", "in_body", "session"),
    [
        ({b"x-claude-code-session-id": b"a", b"session-id": b"b"}, "c", "a"),
        ({b"session-id": b"b", b"thread-id": b"t"}, "c", "b"),
        ({b"session_id": b"b"}, "c", "b"),
        ({b"x-session-id": b"b"}, "c", "b"),
        ({b"thread-id": b"t"}, "", "t"),
        ({b"session-id": b""}, "c", "c"),
        ({}, "", ""),
        ({b"session-id": b"a\x00\tb" + b"x" * 1000}, "", "ab" + "x" * 198),
        ({b"session-id": b"gr\xfc\xc3\xbc"}, "", "gr\ufffdü"),
    ],
)
def test_the_session(headers: dict[bytes, bytes], in_body: str, session: str) -> None:
    assert origin.session(headers, in_body) == session


def test_the_agent() -> None:
    assert origin.agent({b"x-openai-subagent": b"review"}) == "review"
    assert origin.agent({b"x-claude-code-agent-id": b"a-1", b"x-openai-subagent": b"review"}) == "a-1"
    assert origin.agent({}) == ""


def place(urls: Any, commit: Any = "0123abcd") -> dict[str, Any]:
    return {"associated_remote_urls": urls, "latest_git_commit_hash": commit, "has_changes": False}


@pytest.mark.parametrize(
    ("workspaces", "expected"),
    [
        ({"/w": place({"origin": "git@github.com:Acme/Checkout.git"})}, ("github.com/acme/checkout", "0123abcd")),
        ({"/w": place(["https://alice:secret@github.com/acme/checkout"])}, ("github.com/acme/checkout", "0123abcd")),
        (
            {"/w": place({"fork": "https://github.com/bob/x", "origin": "https://github.com/acme/x"})},
            ("github.com/acme/x", "0123abcd"),
        ),
        ({"/w": place({"fork": "ssh://git@git.example.com:2222/bob/x.git"})}, ("git.example.com/bob/x", "0123abcd")),
        ({"/a": place({}), "/b": place({"origin": "https://github.com/acme/x"}, None)}, ("github.com/acme/x", "")),
        ({"/a": place({"origin": "/srv/git/x"})}, ("", "")),
        ({"/a": place({"origin": 7})}, ("", "")),
        ({"/a": 7}, ("", "")),
        ([], ("", "")),
        (None, ("", "")),
    ],
)
def test_the_workspace_that_codex_states(workspaces: Any, expected: tuple[str, str]) -> None:
    metadata = json.dumps({"turn_id": "t", "workspaces": workspaces}).encode()
    assert origin.workspace({b"x-codex-turn-metadata": metadata}) == expected


@pytest.mark.parametrize(
    "metadata", [b"", b"{", b"7", b"\xff", b"[" * 10_000, b'{"workspaces":' + b" " * 20_000 + b"{}}"]
)
def test_broken_metadata_states_nothing(metadata: bytes) -> None:
    assert origin.workspace({b"x-codex-turn-metadata": metadata}) == ("", "")


@pytest.mark.parametrize(
    ("user_id", "session"),
    [
        ('{"device_id":"d","account_uuid":"a","session_id":"s"}', "s"),
        ('{"session_id":7}', ""),
        ("{", ""),
        ("user_1f_account__session_0a-1b", "0a-1b"),
        ("alice", ""),
        ("{" + " " * 20_000, ""),
        ('{"session_id":"\ud800"}', "?"),
        (None, ""),
        ({"session_id": "s"}, ""),
    ],
)
def test_the_session_in_anthropics_user_id(user_id: object, session: str) -> None:
    assert origin.user_session(user_id) == session

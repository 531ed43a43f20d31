"""A string that stands in prompts, answers and keys is found in no file, no log, no metric and no report."""

import asyncio
import contextlib
import json
from pathlib import Path

import httpx

from proxy.policy.keys import digest
from tests.servers.processes import ADMIN_KEY, ALICE_KEY, Deployment, StandIn, deployment, until
from tests.servers.raw_provider import Line, ok, provider

CANARY = "canary7f3a9c"
OWN_SECRET = f"sk-ant-oat-{CANARY}"


async def _script(line: Line) -> None:
    """A provider whose every answer holds the canary: whole, as a stream, as an error, cut off, nonsense."""
    number = 0
    while await line.request() is not None:
        number += 1
        answer = json.dumps({"model": "m", "choices": [{"message": {"content": CANARY}}]}).encode()
        event = b'data: {"choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % CANARY.encode()
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        chunk = b"%x\r\n%b\r\n" % (len(event), event)
        if number % 4 == 1:
            await line.send(ok(answer, b"content-type: application/json\r\n"))
        elif number % 4 == 2:
            await line.send(head + chunk + b"0\r\n\r\n")
        elif number % 4 == 3:
            await line.send(b"HTTP/1.1 500 Oops\r\ncontent-length: %d\r\n\r\n%b" % (len(CANARY), CANARY.encode()))
        else:
            await line.send(head + chunk)
            line.close()
            return


async def _calls(running: Deployment) -> None:
    prompt = {"role": "user", "content": CANARY}
    chat = {"model": "gpt-4o-mini", "messages": [prompt]}
    message = {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": [prompt], "system": CANARY, "stream": True}
    own = {"x-outlay-key": ALICE_KEY, "authorization": f"Bearer {OWN_SECRET}"}
    async with httpx.AsyncClient(base_url=running.url, trust_env=False, timeout=300) as client:
        client.headers["authorization"] = f"Bearer {ALICE_KEY}"
        for _ in range(3):
            for given in (
                {"url": "/v1/chat/completions", "json": chat},
                {"url": "/v1/chat/completions", "json": chat | {"stream": True}},
                {"url": "/v1/responses", "json": {"model": "gpt-5", "input": CANARY, "stream": True}},
                {"url": "/v1/messages", "json": message},
                {"url": "/v1/messages", "json": message, "headers": own},
                {"url": "/v1/messages", "json": message, "headers": {"authorization": f"Bearer outlay_{CANARY}"}},
                {"url": f"/v1/chat/completions?key=outlay_{CANARY}", "json": chat},
                {"url": "/v1/chat/completions", "content": b'{"model": "a", "model": "%b"}' % CANARY.encode()},
                {"url": "/v1/chat/completions", "content": CANARY.encode()},
            ):
                with contextlib.suppress(httpx.RemoteProtocolError):
                    await client.post(**given)


def _met(running: Deployment, path: str, **given: str) -> str:
    headers = {"authorization": f"Bearer {ADMIN_KEY}"}
    return httpx.get(running.ledger_url + path, headers=headers, params=given, trust_env=False).text


async def test_prompts_answers_and_keys_are_nowhere(tmp_path: Path) -> None:
    async with provider(_script) as upstream:
        await asyncio.to_thread(_in_front_of, tmp_path, upstream.url)


def _in_front_of(folder: Path, upstream: str) -> None:
    with deployment(folder, upstream, log_level="debug") as running:
        asyncio.run(_calls(running))
        until("every call is loaded", lambda: running.report("day")["total"]["calls"] >= 15)
        shown = [
            _met(running, "/v1/reports/spend", by="model,project,key,session", format="csv", reason="test"),
            _met(running, "/metrics"),
            _met(running, "/readyz"),
        ]
        opened = json.loads(_met(running, "/v1/reports/spend", by="user", reason="test"))
        assert opened["total"]["calls"] >= 15
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == "outlay.duckdb" for path in files)
    assert any(path.suffix == ".log" and path.stat().st_size for path in files)
    for path in files:
        content = path.read_bytes()
        assert CANARY.encode() not in content, path
        if path.name != "keys.yaml":
            assert ALICE_KEY.encode() not in content, path
    for text in shown:
        assert CANARY not in text
        assert ALICE_KEY not in text
        assert digest(ALICE_KEY.encode()) not in text


def test_the_canary_would_be_found(tmp_path: Path, provider: StandIn) -> None:
    """The search itself works: a tag is recorded, so a canary in one is found."""
    with deployment(tmp_path, provider.url) as running:
        headers = {"authorization": f"Bearer {ALICE_KEY}", "x-outlay-tags": f"ticket={CANARY}"}
        body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
        httpx.post(f"{running.url}/v1/chat/completions", headers=headers, json=body, trust_env=False)
    found = [path for path in tmp_path.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    assert any(path.suffix == ".jsonl" for path in found)

"""Where fuzzing begins: for each target a few inputs that mean something, so that mutations of them get far."""

import base64
import gzip
import json
import re
import struct
import zlib
from pathlib import Path
from typing import Any, Final

import brotli
import zstandard

from bench.fuzz_targets import ASKED, BATCHES, CONTENT_TYPES, FETCHED, GITHUB, SOURCES
from proxy.journal.codec import encode
from proxy.journal.lines import Carried, Head
from proxy.journal.positions import Mark, Stage, format_mark
from proxy.model.call import Call, Hold
from proxy.model.entry import Act, Attributed, Cost, Extended, Opened, Outcome, Refused, Settled, Timing
from proxy.model.identity import OwnerKind
from proxy.model.told import Told
from proxy.model.usage import Served, Usage
from proxy.policy.load import FILES

ROOT: Final = Path(__file__).resolve().parents[1]
CASES: Final = ROOT / "tests" / "fuzz" / "cases"
"""Findings and other inputs worth keeping: a folder for each target."""
SHA: Final = "1a" * 20
WORD_BYTES_MAX: Final = 60
_WORDS: Final = re.compile(rb'"[\w.:/ -]+"|[\w.-]+(?=:)')
_CHAT: Final[dict[str, Any]] = {
    "model": "gpt-4o",
    "stream": True,
    "max_tokens": 50,
    "n": 2,
    "stream_options": {"include_usage": False},
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Grüße 😀"}, {"type": "image_url", "image_url": {}}]},
    ],
    "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}],
}
_BODIES: Final[tuple[dict[str, Any], ...]] = (
    _CHAT,
    {"model": "gpt-5", "input": "hello", "max_output_tokens": 9, "reasoning": {"effort": "low"}, "stream": True},
    {"model": "o3", "input": [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}], "tools": []},
    {"model": "claude-sonnet-4-5", "max_tokens": 9, "system": [{"type": "text", "text": "s"}], "messages": []},
    {"model": "gpt-image-1", "prompt": "a cat", "n": 2, "size": "1024x1024", "quality": "high"},
    {"model": "tts-1", "input": "hello", "voice": "alloy"},
    {"model": "text-embedding-3-small", "input": ["a", "b", [1, 2, 3]]},
    {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "generationConfig": {"maxOutputTokens": 9}},
    {"requests": [{"model": "models/gemini-embedding-001", "content": {"parts": [{"text": "a"}]}}]},
    {"instances": [{"prompt": "a cat"}], "parameters": {"sampleCount": 2}},
    {"messages": [{"role": "user", "content": [{"text": "hi"}]}], "inferenceConfig": {"maxTokens": 9}},
    {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": []},
    {"prompt": "hi", "max_gen_len": 9},
)
_FORM: Final = (
    b'--cut\r\ncontent-disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
    b'--cut\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF\x24\0\0\0WAVEfmt \r\n'
    b"--cut--\r\n"
)
_ANSWERS: Final = (
    b'data: {"id":"c","model":"gpt-4o","choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"prompt_tokens_details":'
    b'{"cached_tokens":4}}}\n\n'
    b"data: [DONE]\n\n",
    b'event: response.completed\ndata: {"type":"response.completed","response":{"id":"r","model":"gpt-5","usage":'
    b'{"input_tokens":9,"output_tokens":3,"output_tokens_details":{"reasoning_tokens":2}}}}\n\n',
    b'event: message_start\ndata: {"type":"message_start","message":{"model":"claude","usage":{"input_tokens":9,'
    b'"cache_read_input_tokens":4,"output_tokens":1}}}\n\nevent: content_block_delta\ndata: {"type":'
    b'"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}\n\nevent: message_delta\ndata: '
    b'{"type":"message_delta","usage":{"output_tokens":3}}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n',
    b'{"id":"c","model":"gpt-4o","choices":[{"message":{"content":"hi"}}],"usage":{"prompt_tokens":9,'
    b'"completion_tokens":3}}',
    b'[{"candidates":[{"content":{"parts":[{"text":"hi"}]}}],"usageMetadata":{"promptTokenCount":9}},\n{"usageMetadata":'
    b'{"promptTokenCount":9,"candidatesTokenCount":3,"thoughtsTokenCount":2}}]',
    b'{"custom_id":"a","response":{"status_code":200,"body":{"model":"gpt-4o","usage":{"prompt_tokens":9,'
    b'"completion_tokens":3}}}}\n',
    b'{"output":{"message":{"content":[{"text":"hi"}]}},"usage":{"inputTokens":9,"outputTokens":3}}',
    b'{"created":1,"data":[{"b64_json":"aGk="}],"usage":{"input_tokens":9,"output_tokens":300}}',
)
_DIFF: Final = (
    b"diff --git a/a.py b/a.py\nindex 1..2 100644\n--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n"
    b'diff --git "a/\\303\\244" "b/\\303\\244"\nnew file mode 100644\nindex 0..3\n'
    b"Binary files /dev/null and b/x differ\n"
)


def seeds(target: str) -> list[bytes]:
    """Beginnings for a target, the kept cases among them."""
    kept = [path.read_bytes() for path in sorted((CASES / target).glob("*"))] if (CASES / target).is_dir() else []
    return [*kept, *_MADE[target]()]


def words(target: str) -> list[bytes]:
    """What a mutation may put in: names and values that stand in quotes in the seeds, and a YAML file's settings."""
    found = {each for seed in seeds(target) for each in _WORDS.findall(seed)}
    return sorted(each for each in found if 1 < len(each) < WORD_BYTES_MAX)


def _requests() -> list[bytes]:
    bodies = [json.dumps(body, ensure_ascii=False).encode() for body in _BODIES]
    made = [bytes([place]) + body for place in range(len(ASKED)) for body in bodies[:: 1 if place < 3 else 5]]
    forms = [bytes([place]) + _FORM for place, (_, _, kind) in enumerate(ASKED) if b"multipart" in kind]
    return made + forms


def _batches() -> list[bytes]:
    line = json.dumps({"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": _CHAT}).encode()
    form = _FORM.replace(b"RIFF\x24\0\0\0WAVEfmt ", line + b"\n" + line)
    return [
        bytes([0]) + form,
        bytes([1]) + json.dumps({"requests": [{"custom_id": "a", "params": _CHAT}]}).encode(),
    ] * (len(BATCHES) // 2)


def _answers() -> list[bytes]:
    places, kinds = len(ASKED) + len(FETCHED), len(CONTENT_TYPES)
    made = [
        bytes([place, kind, 3, 5]) + answer
        for place in range(0, places, 2)
        for kind in range(0, kinds, 2)
        for answer in _ANSWERS[(place + kind) % 2 :: 2]
    ]
    return [*made, *(bytes([place, 6, 3, 5]) + _frame() for place in range(len(ASKED) - 5, len(ASKED)))]


def _frame() -> bytes:
    headers = b"".join(
        bytes([len(name)]) + name + b"\x07" + struct.pack(">H", len(value)) + value
        for name, value in ((b":event-type", b"metadata"), (b":message-type", b"event"))
    )
    payload = b'{"usage":{"inputTokens":9,"outputTokens":3}}'
    head = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    body = head + struct.pack(">I", zlib.crc32(head)) + headers + payload
    return body + struct.pack(">I", zlib.crc32(body))


def _sockets() -> list[bytes]:
    created = '{"type":"response.created","response":{"id":"r1"}}'
    done = (
        '{"type":"response.done","response":{"id":"r1","usage":{"total_tokens":9,"input_tokens":6,"output_tokens":3}}}'
    )
    realtime = [
        '>{"type":"session.update","session":{"type":"realtime","instructions":"s"}}',
        '>{"type":"input_audio_buffer.append","audio":"' + base64.b64encode(bytes(400)).decode() + '"}',
        '>{"type":"response.create","response":{"max_output_tokens":9}}',
        created,
        '{"type":"response.output_text.delta","response_id":"r1","delta":"hi"}',
        done,
    ]
    completed = '{"type":"response.completed","response":{"id":"r1","usage":{"input_tokens":6,"output_tokens":3}}}'
    responses = ['>{"type":"response.create","model":"gpt-5","input":"hi"}', created, completed]
    return [b"\x01" + "\n".join(realtime).encode(), b"\x00" + "\n".join(responses).encode()]


def _policies() -> list[bytes]:
    def one(path: Path) -> bytes:
        name = path.name if path.name in FILES else "budgets.yaml"
        return bytes([FILES.index(name)]) + path.read_bytes()

    starter = [one(path) for path in sorted((ROOT / "policies").glob("*.yaml"))]
    bad = [one(path) for path in sorted((ROOT / "tests" / "policies").glob("*.yaml"))]
    return [b"\0".join(starter), *starter, *bad]


def _keys() -> list[bytes]:
    entry = f"{{id: k_1, hash: 'sha256:{'ab' * 32}', user: alice, projects: [checkout]}}"
    block = f"keys:\n  - id: k_1\n    hash: 'sha256:{'ab' * 32}'\n    user: alice\n    projects: [checkout]\n"
    return [f"keys: [{entry}]\n".encode(), f"# c\nkeys:\n  - {entry}\n  # end\n".encode(), block.encode(), b"keys: []"]


def _journal() -> list[bytes]:
    call = Call(
        id="call_1", opened_us=1, dialect="openai", operation="chat", provider="openai", account="main", model="gpt-4o",
        stream=True, key_id="k_1", owner="alice", owner_kind=OwnerKind.PERSON, team="", project="checkout",
        cost_center="", purpose="build", policy="p", tags={"a": "b"},
    )  # fmt: skip
    hold = Hold(3, input_tokens=1, output_tokens=2)
    cost = Cost(3, {"input_text": 3}, "list:x")
    settled = Settled(call, 2, Outcome.OK, 200, Usage(input_text=3), Served(), cost, estimated=False, timing=Timing())
    told = Told("s:d:0", 1, "s", "d", "artifact", 1, "signed", "p", clamped=False, imported=False, facts={"a": "b"})
    lines = (
        *(Head("n", 1, 1, 1), Carried(call, hold), Opened(call, hold), Extended("call_1", 1, hold), settled),
        *(Refused(call, 400, "refused_by_policy", "r", "no"), Attributed("c", "loop", 1, ("call_1",))),
        *(Act("act_1", 1, "alice", "rows_viewed", "bob", "why", {"report": "spend"}), told),
    )
    return [*map(encode, lines), format_mark(Mark(7, Stage.OPEN))]


def _events() -> list[bytes]:
    place = {"full_name": "acme/checkout", "html_url": "https://github.com/acme/checkout"}
    commit = {
        "id": SHA,
        "tree_id": SHA,
        "message": "Fix PAY-1 (#12)\n\nAI-Session: s1",
        "author": {"username": "alice"},
    }
    change = {
        "number": 12, "user": {"login": "alice", "type": "User"}, "title": "PAY-1", "body": "Reverts #3",
        "head": {"sha": SHA, "ref": "pay-1", "repo": {"id": 1}}, "base": {"ref": "main", "repo": {"id": 1}},
        "updated_at": "2027-01-15T08:00:00Z", "merged_at": "2027-01-15T08:00:00Z", "merge_commit_sha": SHA,
    }  # fmt: skip
    deployed = {"id": 7, "sha": SHA, "environment": "production", "created_at": "2027-01-15T08:00:00Z"}
    github = {
        "push": {"ref": "refs/heads/main", "commits": [commit], "head_commit": commit},
        "pull_request": {"action": "closed", "pull_request": change},
        "pull_request_review": {
            "action": "submitted", "pull_request": change,
            "review": {"id": 5, "user": {"login": "bob"}, "state": "approved", "commit_id": SHA},
        },
        "deployment_status": {"deployment": deployed, "deployment_status": {"state": "success"}},
    }  # fmt: skip
    project = {"project": {"web_url": "https://gitlab.com/acme/checkout", "path_with_namespace": "acme/checkout"}}
    merge = {"iid": 12, "action": "merge", "state": "merged", "author_id": 51, "last_commit": {"id": SHA}}
    gitlab = (
        {**project, "object_kind": "deployment", "status": "success", "deployment_id": 15, "environment": "production"},
        {**project, "object_kind": "merge_request", "user": {"username": "alice"}, "object_attributes": merge},
        {**project, "object_kind": "push", "ref": "refs/heads/main", "after": SHA, "commits": [commit]},
    )
    generic = {"event_id": "b-1", "repository": "acme/checkout", "environment": "production", "sha": SHA}
    argo = {"uid": "u", "revision": SHA, "trigger": "deployed", "app": "checkout", "repo": "https://github.com/acme/c"}
    cdevent = {
        "context": {"version": "0.4.1", "id": "i", "source": "s", "type": "dev.cdevents.service.deployed.0.2.0"},
        "subject": {"id": "pod/checkout", "content": {"environment": {"id": "production"}, "artifactId": "pkg:oci/c"}},
    }
    events = [(0, GITHUB.index(name), {"repository": place, **said}) for name, said in github.items()]
    events += [(1, 0, each) for each in gitlab]
    events += [(SOURCES.index("argocd"), 0, argo), (SOURCES.index("cdevents"), 0, cdevent)]
    events += [(SOURCES.index("generic"), 0, generic)]
    return [bytes([kind, name]) + json.dumps(said).encode() for kind, name, said in events]


def _imports() -> list[bytes]:
    place = {"repository": "github.com/acme/checkout", "occurred_at": "2026-03-01T10:00:00Z"}
    documents = (
        {**place, "environment": "production", "sha": SHA},
        {**place, "kind": "change", "number": "12", "author": "alice", "head": SHA, "base": "main"},
        {**place, "kind": "review", "number": 12, "reviewer": "bob", "state": "approved"},
        {**place, "kind": "commit", "sha": SHA, "parents": [SHA]},
    )
    return [json.dumps(each).encode() for each in documents]


def _calls() -> list[bytes]:
    key = b"outlay_0123456789abcdefghijklmnopqrstuv"
    return [
        b"v1/chat/completions?key=" + key + b"\nx-outlay-tags: a=b,c=d",
        b"openai/v1/responses\nauthorization: Bearer " + key + b"\nx-outlay-key: " + key,
        b"wide/v1/anything//else?a=b&%6bey=" + key + b"\nx-api-key: " + key,
        b"v1/messages\nanthropic-version: 2023-06-01\nauthorization: AWS4-HMAC-SHA256 Credential=" + key + b"/x/y",
        b"v1beta/models/gemini%2D2:generateContent?$httpMethod=GET\nconnection: x-api-key, close",
    ]


def _content() -> list[bytes]:
    plain = b"hello " * 50
    packed = (gzip.compress(plain), zlib.compress(plain), brotli.compress(plain), zstandard.compress(plain))
    bomb = gzip.compress(bytes(3_000_000))
    return [*(bytes([kind, 3, 5]) + each for kind, each in enumerate(packed)), bytes([0, 8, 69]) + bomb]


def _state() -> list[bytes]:
    counters = b'{"v":1,"place":[1,1,1],"meanings":[],"accounts":[]}'
    return [counters, b"[{},{}]", b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0", b"OggS", b"fLaC", b"ID3", b"\0\0\0\x18ftypmp42"]


_MADE: Final = {
    "sse": lambda: [b"\x03\x05" + answer for answer in _ANSWERS[:3]] + [b"\x01\x01: c\r\rdata:a\rdata:b\n\r\n\r"],
    "requests": _requests,
    "batches": _batches,
    "answers": _answers,
    "sockets": _sockets,
    "policies": _policies,
    "keys": _keys,
    "journal": _journal,
    "events": _events,
    "imports": _imports,
    "calls": _calls,
    "content": _content,
    "state": _state,
    "diffs": lambda: [b"\x03\x05" + _DIFF],
}

"""What metering costs: `python -m bench.metering`, about ten seconds.

Each row is one job of the meter beside the plainest way to the same facts in the same run, so that the ratio holds on
any machine: an event of a stream beside decoding its JSON whole, a body of an agent beside decoding it whole.
"""

import argparse
import json
import timeit
from collections.abc import Callable
from typing import Any, Final

import msgspec

from proxy.dialects.anthropic import MESSAGES, Anthropic
from proxy.dialects.openai import OpenAI
from proxy.dialects.openai_operations import CHAT, RESPONSES
from proxy.metering.fingerprint import fingerprint
from proxy.model.call import Request

EVENTS_A_CHUNK: Final = 10
REPEATS: Final = 60
BODY_BYTES: Final = 77_000
WORDS: Final = 'Read the file and return its lines, then say "done".\n' * 10

CHAT_CHUNK: Final = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1767225600,
    "model": "gpt-4o-2024-08-06",
    "service_tier": "default",
    "system_fingerprint": "fp_1",
    "choices": [{"index": 0, "delta": {"content": " hello"}, "logprobs": None, "finish_reason": None}],
    "usage": None,
}
RESPONSES_EVENT: Final = {
    "type": "response.output_text.delta",
    "sequence_number": 4,
    "item_id": "msg_1",
    "output_index": 0,
    "content_index": 0,
    "delta": " hello",
    "logprobs": [],
    "obfuscation": "aXbYcZ",
}
MESSAGES_EVENT: Final = {
    "type": "content_block_delta",
    "index": 0,
    "delta": {"type": "text_delta", "text": " hello"},
}
STREAM: Final = {"request": Request(""), "content_type": b"text/event-stream"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=REPEATS)
    repeats = parser.parse_args().repeats
    print(f"{'job':42}{'µs':>9}{'whole decode µs':>18}{'ratio':>8}")
    events(repeats)
    bodies(repeats)


def events(repeats: int) -> None:
    """Microseconds an event, alone in its chunk as on a paced stream, and ten to a chunk as in a burst."""
    openai, anthropic = OpenAI(), Anthropic()
    for name, value, named, make in (
        (
            "chat",
            CHAT_CHUNK,
            False,
            lambda: openai.meter(CHAT, **STREAM, hide_usage=False),
        ),
        (
            "chat, usage hidden",
            CHAT_CHUNK,
            False,
            lambda: openai.meter(CHAT, **STREAM, hide_usage=True),
        ),
        (
            "responses",
            RESPONSES_EVENT,
            True,
            lambda: openai.meter(RESPONSES, **STREAM, hide_usage=False),
        ),
        (
            "messages",
            MESSAGES_EVENT,
            True,
            lambda: anthropic.meter(MESSAGES, **STREAM, hide_usage=False),
        ),
    ):
        data = msgspec.json.encode(value)
        event = (b"event: %b\n" % value["type"].encode() if named else b"") + b"data: " + data + b"\n\n"
        whole = microseconds(lambda data=data: msgspec.json.decode(data), 2000, repeats)
        for size in (1, EVENTS_A_CHUNK):
            meter, chunk = make(), event * size
            spent = microseconds(lambda meter=meter, chunk=chunk: meter.feed(chunk), 2000 // size, repeats) / size
            row(f"event: {name}, {size} a chunk", spent, whole)


def bodies(repeats: int) -> None:
    openai, anthropic = OpenAI(), Anthropic()
    agent = agent_body()
    compact, spaced = msgspec.json.encode(agent), json.dumps(agent).encode()
    whole = microseconds(lambda: msgspec.json.decode(compact), 50, repeats)
    for name, body in (("body of 77 KB: read", compact), ("body of 77 KB with blanks: read", spaced)):
        spent = microseconds(lambda body=body: anthropic.read(MESSAGES, body, {}, b"/v1/messages"), 50, repeats)
        row(name, spent, whole)
    content = anthropic.read(MESSAGES, compact, {}, b"/v1/messages").content
    row("body of 77 KB: fingerprint", microseconds(lambda: fingerprint(b"k" * 32, content), 50, repeats), whole)
    chat = msgspec.json.encode({"model": "gpt-4o", "messages": agent["messages"], "stream": True})
    row("body of chat: ask for usage", microseconds(lambda: openai.ask_usage(CHAT, chat), 50, repeats), whole)
    small = msgspec.json.encode({"model": "gpt-4o", "messages": [{"role": "user", "content": "x" * 1400}]})
    row(
        "body of 1.5 KB: read",
        microseconds(lambda: openai.read(CHAT, small, {}, b"/v1/chat/completions"), 500, repeats),
        microseconds(lambda: msgspec.json.decode(small), 500, repeats),
    )


def agent_body() -> dict[str, Any]:
    """As an agent CLI sends it: long system prompt, tools, a growing talk."""
    talk = [
        {"role": "user" if turn % 2 else "assistant", "content": [{"type": "text", "text": WORDS}]}
        for turn in range(60)
    ]
    tools = [
        {"name": f"tool_{number}", "description": WORDS, "input_schema": {"type": "object", "properties": {}}}
        for number in range(30)
    ]
    body: dict[str, Any] = {"model": "claude", "max_tokens": 32_000, "stream": True, "system": "", "messages": talk}
    body["tools"] = tools
    body["system"] = "y" * (BODY_BYTES - len(msgspec.json.encode(body)))
    return body


def microseconds(job: Callable[[], object], number: int, repeats: int) -> float:
    """The best of several rounds: what it costs when nothing else is in the way."""
    return min(timeit.repeat(job, number=number, repeat=repeats)) / number * 1e6


def row(name: str, spent: float, whole: float) -> None:
    print(f"{name:42}{spent:9.2f}{whole:18.2f}{spent / whole:8.2f}")


if __name__ == "__main__":
    main()

"""What is sent and answered in `bench.gateway`: bodies of three sizes, a whole answer, and the events of a stream.

No two calls say the same: the redundancy detector would have another kind of work with repeats. An agent's calls are
turns of a conversation: what came before stays, its end is new.
"""

import json
import random
from dataclasses import dataclass
from typing import Any, Final

MODEL: Final = "gpt-4o"
SIZES: Final = {"small": 1_500, "agent": 70_000, "large": 1_000_000}
"""Bytes of a call's body, about."""
TURNS: Final = 25
"""Calls of one agent's session, before another begins."""
_SESSION: Final = b"s0000000"
_CALL: Final = b"c0000000"
_SENTENCE: Final = (
    "the ledger reads each segment of the journal in order and adds what it says to the rows that are there before "
    "anything else may ask for them so that a report never shows half of a call or counts it twice"
)
_WORDS: Final = _SENTENCE.split()

ANSWER: Final = json.dumps(
    {
        "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
        "object": "chat.completion",
        "created": 1_741_569_952,
        "model": "gpt-4o-2024-08-06",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "word " * 90}, "finish_reason": "stop"},
        ],
        "usage": {
            "prompt_tokens": 350,
            "completion_tokens": 90,
            "total_tokens": 440,
            "prompt_tokens_details": {"cached_tokens": 128},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
        "service_tier": "default",
    }
)


def _chunk(**members: Any) -> bytes:
    told = {"id": "chatcmpl-B9MBs8", "object": "chat.completion.chunk", "created": 1_741_569_952, "model": MODEL}
    return b"data: " + json.dumps(told | members, separators=(",", ":")).encode() + b"\n\n"


EVENT: Final = _chunk(choices=[{"index": 0, "delta": {"content": " word"}, "logprobs": None, "finish_reason": None}])
LAST: Final = (
    _chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
    + _chunk(choices=[], usage={"prompt_tokens": 350, "completion_tokens": 200, "total_tokens": 550})
    + b"data: [DONE]\n\n"
)


@dataclass(slots=True)
class Bodies:
    """Bodies of one kind, each another."""

    template: bytes
    made: int = 0

    def next(self, connection: int) -> bytes:
        """The next body of the conversation on that connection."""
        self.made += 1
        session = b"s%07d" % (connection * 10_000 + self.made // TURNS)
        return self.template.replace(_SESSION, session).replace(_CALL, b"c%07d" % self.made)


def bodies(size: str, *, stream: bool = False) -> Bodies:
    """Bodies of about SIZES[size] bytes."""
    wanted = SIZES[size]
    messages = [{"role": "system", "content": "You are a careful engineer. " + _prose(wanted // 10, "system")}]
    while (missing := wanted - len(json.dumps(messages)) - 400) > 0:
        messages += _turn(len(messages), min(missing, max(1_000, wanted // 20)))
    messages.append({"role": "user", "content": f"Question {_CALL.decode()}: what does the next test tell us?"})
    asked = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    tools = [_tool(number) for number in range(6)] if size != "small" else []
    body = {"model": MODEL, "messages": messages, "max_tokens": 1024, **({"tools": tools} if tools else {}), **asked}
    return Bodies(json.dumps(body).encode())


def _turn(number: int, length: int) -> list[dict[str, Any]]:
    """What was said before: a question of this session and a tool's answer to it."""
    said = _prose(length // 2, f"{_SESSION.decode()} {number}")
    return [
        {"role": "assistant", "content": f"I read file_{number}.py first. {said}"},
        {"role": "user", "content": f"Result of file_{number}.py:\n" + _prose(length // 2, f"line {number}")},
    ]


def _tool(number: int) -> dict[str, Any]:
    path = {"type": "string", "description": _prose(80, "path")}
    parameters = {"type": "object", "properties": {"path": path}, "required": ["path"]}
    described = {"name": f"tool_{number}", "description": _prose(300, "tool"), "parameters": parameters}
    return {"type": "function", "function": described}


def _prose(length: int, first: str) -> str:
    """Words in lines, always the same for the same `first`."""
    chosen = random.Random(first)
    words = [first]
    size = len(first)
    while size < length:
        words.append(chosen.choice(_WORDS) + ("\n" if len(words) % 12 == 0 else ""))
        size += len(words[-1]) + 1
    return " ".join(words)[: max(length, len(first))]

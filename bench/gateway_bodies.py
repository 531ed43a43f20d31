"""What is sent and answered in `bench.gateway`: bodies of three sizes, a whole answer, and the events of a stream.

As SDKs write them: JSON without blanks. Small calls are prompts of their own, each with other words. Larger ones are an
agent's: each is the one before it and a turn more, until another session begins.
"""

import json
import random
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

MODEL: Final = "gpt-4o"
SIZES: Final = {"small": 1_500, "agent": 70_000, "large": 1_000_000}
"""Bytes of a call's body, about."""
TURNS: Final = 25
"""Calls of one session."""
TURN_CHARS: Final = 800
PROMPTS: Final = 16_384
"""Small calls before they begin anew."""
_SESSION: Final = b"s0000000"
_VOCABULARY: Final = 3_000

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
    """The calls to one server, always the same ones in the same order."""

    templates: list[bytes]
    sessions: bool
    """True: they are the turns of a session."""
    made: dict[int, int] = field(default_factory=dict)
    """By connection."""

    def next(self, connection: int) -> bytes:
        """The next body on that connection."""
        count = self.made[connection] = self.made.get(connection, -1) + 1
        if not self.sessions:
            return self.templates[(connection * 257 + count) % len(self.templates)]
        session, turn = divmod(count, len(self.templates))
        return self.templates[turn].replace(_SESSION, b"s%03d%04d" % (connection, session % 10_000))


def bodies(size: str, *, stream: bool = False) -> Bodies:
    """Bodies of about SIZES[size] bytes."""
    return Bodies(_small(stream), sessions=False) if size == "small" else Bodies(_turns(size), sessions=True)


@cache
def _small(stream: bool) -> list[bytes]:
    dice = random.Random(1)
    words = _words(dice)
    asked: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    system = {"role": "system", "content": "You are a careful engineer. " + _prose(dice, words, 200)}

    def body() -> bytes:
        messages = [system, {"role": "user", "content": _prose(dice, words, SIZES["small"] - 420)}]
        return _json({"model": MODEL, "messages": messages, "max_tokens": 1024, **asked})

    return [body() for _ in range(PROMPTS)]


@cache
def _turns(size: str) -> list[bytes]:
    """The calls of one session, about as long as they should be in its middle."""
    dice = random.Random(2)
    words = _words(dice)
    messages = [{"role": "system", "content": "You are a careful engineer. " + _prose(dice, words, 6_000)}]
    tools = [_tool(number, _prose(dice, words, 300)) for number in range(6)]
    missing = SIZES[size] - 6_000 - 6 * 500 - TURN_CHARS * TURNS * 5 // 8
    while missing > 0:
        turn = _turn(len(messages), dice, words, max(TURN_CHARS, SIZES[size] // 25))
        missing -= len(_json(turn))
        messages += turn
    made = []
    for _ in range(TURNS):
        messages += _turn(len(messages), dice, words, TURN_CHARS)
        made.append(_json({"model": MODEL, "messages": messages, "tools": tools, "max_tokens": 1024}))
    return made


def _turn(number: int, dice: random.Random, words: list[str], chars: int) -> list[dict[str, Any]]:
    """A tool's answer is asked for, and given."""
    arguments = json.dumps({"path": f"src/file_{number}.py", "why": _prose(dice, words, chars // 8)})
    called = {"id": f"call_{number}", "type": "function", "function": {"name": "tool_1", "arguments": arguments}}
    said = f"{_SESSION.decode()} {_prose(dice, words, chars // 8)}"
    result = f"{_SESSION.decode()} file_{number}.py:\n{_prose(dice, words, chars * 5 // 8)}"
    return [
        {"role": "assistant", "content": said, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": f"call_{number}", "content": result},
    ]


def _tool(number: int, description: str) -> dict[str, Any]:
    path = {"type": "string", "description": "Where the file is, from the root of the repository"}
    parameters = {"type": "object", "properties": {"path": path}, "required": ["path"]}
    described = {"name": f"tool_{number}", "description": description, "parameters": parameters}
    return {"type": "function", "function": described}


def _words(dice: random.Random) -> list[str]:
    syllables = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
    return ["".join(dice.choices(syllables, k=dice.randint(1, 4))) for _ in range(_VOCABULARY)]


def _prose(dice: random.Random, words: list[str], chars: int) -> str:
    """Words in lines."""
    chosen = dice.choices(words, k=chars // 5)
    lines = [" ".join(chosen[at : at + 12]) for at in range(0, len(chosen), 12)]
    return "\n".join(lines)[:chars]


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()

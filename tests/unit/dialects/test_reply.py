"""What an answer says is known at its end in every dialect, also where its usage is reported."""

from typing import Final

import msgspec
import pytest

from proxy.dialects.anthropic import Anthropic
from proxy.dialects.bedrock import Bedrock
from proxy.dialects.dialect import Dialect
from proxy.dialects.gemini import Gemini
from proxy.dialects.openai import OpenAI
from proxy.dialects.output import REPLY_CHARS_MAX, THOUGHT, Output

JSON: Final = b"application/json"
SSE: Final = b"text/event-stream"


def events(*objects: object, end: bytes = b"") -> bytes:
    return b"".join(b"data: %b\n\n" % msgspec.json.encode(each) for each in objects) + end


CHAT_USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
CLAUDE_USAGE = {"input_tokens": 9, "output_tokens": 2}
GEMINI_USAGE = {"promptTokenCount": 9, "candidatesTokenCount": 2, "totalTokenCount": 11}
BEDROCK_USAGE = {"inputTokens": 9, "outputTokens": 2, "totalTokens": 11}


def chat(**choice: object) -> dict[str, object]:
    return {"choices": [{"index": 0, "finish_reason": "stop", **choice}], "usage": CHAT_USAGE}


def gemini(text: str) -> dict[str, object]:
    thought = {"text": "Hm. ", "thought": True}
    content = {"role": "model", "parts": [thought, {"text": text}]}
    return {"candidates": [{"content": content, "index": 0, "finishReason": "STOP"}], "usageMetadata": GEMINI_USAGE}


RESPONSE = {
    "status": "completed",
    "output": [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm. "}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "All done."}]},
    ],
    "usage": {"input_tokens": 9, "output_tokens": 2, "total_tokens": 11},
}
ANSWERS: Final[dict[str, tuple[Dialect, str, bytes, bytes]]] = {
    "chat": (
        OpenAI(),
        "/v1/chat/completions",
        JSON,
        msgspec.json.encode(chat(message={"content": "All done.", "reasoning_content": "Hm. "})),
    ),
    "chat, streamed": (
        OpenAI(),
        "/v1/chat/completions",
        SSE,
        events(
            *({"choices": [{"index": 0, "delta": delta}]} for delta in ({"reasoning": "Hm. "}, {"content": "All "})),
            chat(delta={"content": "done."}),
            end=b"data: [DONE]\n\n",
        ),
    ),
    "completions": (OpenAI(), "/v1/completions", JSON, msgspec.json.encode(chat(text="All done."))),
    "responses": (OpenAI(), "/v1/responses", JSON, msgspec.json.encode(RESPONSE)),
    "responses, streamed": (
        OpenAI(),
        "/v1/responses",
        SSE,
        events(
            {"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "Hm. "},
            {"type": "response.output_text.delta", "output_index": 1, "delta": "All "},
            {"type": "response.output_text.delta", "output_index": 1, "delta": "done."},
            {"type": "response.completed", "response": RESPONSE},
        ),
    ),
    "messages": (
        Anthropic(),
        "/v1/messages",
        JSON,
        msgspec.json.encode(
            {
                "type": "message",
                "content": [{"type": "thinking", "thinking": "Hm. "}, {"type": "text", "text": "All done."}],
                "usage": CLAUDE_USAGE,
            }
        ),
    ),
    "messages, streamed": (
        Anthropic(),
        "/v1/messages",
        SSE,
        events(
            {"type": "message_start", "message": {"usage": {"input_tokens": 9, "output_tokens": 1}}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm. "}},
            {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "All "}},
            {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "done."}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
            {"type": "message_stop"},
        ),
    ),
    "gemini": (
        Gemini(),
        "/v1beta/models/gemini-2.5-pro:generateContent",
        JSON,
        msgspec.json.encode(gemini("All done.")),
    ),
    "gemini, streamed": (
        Gemini(),
        "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
        SSE,
        events(gemini("All "), gemini("done.")),
    ),
    "converse": (
        Bedrock(),
        "/model/amazon.nova-pro-v1:0/converse",
        JSON,
        msgspec.json.encode(
            {
                "output": {
                    "message": {
                        "content": [
                            {"reasoningContent": {"reasoningText": {"text": "Hm. "}}},
                            {"text": "All done."},
                        ]
                    }
                },
                "usage": BEDROCK_USAGE,
            }
        ),
    ),
    "invoke": (
        Bedrock(),
        "/model/anthropic.claude-3-haiku-20240307-v1:0/invoke",
        JSON,
        msgspec.json.encode(
            {"type": "message", "content": [{"type": "text", "text": "All done."}], "usage": CLAUDE_USAGE}
        ),
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_what_is_said_is_known_beside_the_usage_without_thoughts(name: str) -> None:
    dialect, target, content_type, data = ANSWERS[name]
    operation = dialect.operation("POST", target.partition("?")[0])
    assert operation is not None
    model = b"" if dialect.name == "gemini" else b'"model": "m", '
    body = b'{%b"messages": [], "input": "", "contents": []}' % model
    request = dialect.read(operation, body, {}, target.encode())
    meter = dialect.meter(operation, request, content_type=content_type, hide_usage=False)
    meter.feed(data)
    meter.finish()
    reading = meter.reading()
    assert (reading.final, reading.texts, reading.reply) == (True, (), "All done.")


def test_of_a_long_answer_the_beginning_is_told() -> None:
    output = Output()
    output.add((THOUGHT, 0), "y" * 1000)
    for _ in range(1000):
        output.add(0, "abc")
    assert output.reply() == ("abc" * REPLY_CHARS_MAX)[:REPLY_CHARS_MAX]

"""OpenAI chat completions: requests read, answers rendered."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from proxy.model.usage import Usage
from proxy.standin import tokens
from proxy.standin.fields import asks_for_tool, objects, text_of, whole_number
from proxy.standin.protocol import CREATED, Answer, Asked, Frame, Provider, Tool, WrongRequestError

CHOICES_MAX: Final = 128
FINGERPRINT: Final = "fp_standin"


class OpenAIChat:
    """POST /v1/chat/completions."""

    provider: Provider = "openai"
    billed = True

    def read(self, body: dict[str, Any]) -> Asked:
        messages = objects(body.get("messages"), "messages")
        if not messages:
            raise WrongRequestError("you must provide a messages parameter", param="messages")
        tools = objects(body.get("tools"), "tools")
        stream = bool(body.get("stream"))
        options = body.get("stream_options")
        choices = whole_number(body, "n") or 1
        if choices > CHOICES_MAX:
            raise WrongRequestError(f"n must be at most {CHOICES_MAX}", param="n")
        return Asked(
            model=text_of(body, "model"),
            prompt_tokens=tokens.ANSWER_TOKENS
            + sum(map(_message_tokens, messages))
            + (tokens.of_json(tools) if tools else 0),
            stream=stream,
            output_tokens_max=whole_number(body, "max_completion_tokens", "max_tokens"),
            choices=choices,
            tool=_tool(tools) if asks_for_tool(messages[-1]) else None,
            usage_asked=not stream or (isinstance(options, dict) and options.get("include_usage") is True),
        )

    def whole(self, answer: Answer) -> dict[str, Any]:
        choices = [
            {"index": index, "message": _message(answer, index), "logprobs": None, "finish_reason": _finish(answer)}
            for index in range(len(answer.choices))
        ]
        usage = {"usage": usage_object(answer.usage)} if answer.usage_shown else {}
        return {**_head(answer, "chat.completion"), "choices": choices, **usage}

    def frames(self, answer: Answer) -> Iterable[Frame]:
        """The choices take turns, as at the real provider: no choice waits for the end of another."""
        for index in range(len(answer.choices)):
            yield _frame(answer, index, _first_delta(answer, index), tokens=answer.name_tokens)
        for position in range(max(map(len, answer.choices))):
            for index, pieces in enumerate(answer.choices):
                if position < len(pieces):
                    yield _frame(answer, index, _delta(answer, pieces[position]), tokens=1)
        for index in range(len(answer.choices)):
            yield _frame(answer, index, {}, finish=_finish(answer))
        if answer.usage_shown:
            last = {**_head(answer, "chat.completion.chunk"), "choices": [], "usage": usage_object(answer.usage)}
            yield Frame(msgspec.json.encode(last), usage=True)
        yield Frame(b"[DONE]")

    def ping(self) -> Frame | None:
        return None

    def failure(self, message: str) -> Frame:
        error = {"message": message, "type": "server_error", "param": None, "code": None}
        return Frame(msgspec.json.encode({"error": error}))


def usage_object(usage: Usage) -> dict[str, Any]:
    """Totals include what the details name apart."""
    prompt = usage.prompt_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": usage.output_tokens,
        "total_tokens": prompt + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write_tokens,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _message_tokens(message: dict[str, Any]) -> int:
    name = message.get("name")
    calls = message.get("tool_calls")
    count = tokens.of_message(
        str(message.get("role", "")), message.get("content"), name if isinstance(name, str) else ""
    )
    return count + (tokens.of_json(calls) if calls else 0)


def _tool(tools: list[dict[str, Any]]) -> Tool | None:
    """The first function among them."""
    for tool in tools:
        function = tool.get("function")
        if tool.get("type") == "function" and isinstance(function, dict):
            return Tool(text_of(function, "name"), function.get("parameters") or {})
    return None


def _head(answer: Answer, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{answer.id}",
        "object": kind,
        "created": CREATED,
        "model": answer.model,
        "service_tier": answer.behaviour.tier or "default",
        "system_fingerprint": FINGERPRINT,
    }


def _finish(answer: Answer) -> str:
    if answer.limited:
        return "length"
    return "tool_calls" if answer.tool_name else "stop"


def _call(answer: Answer, index: int, arguments: str) -> dict[str, Any]:
    function = {"name": answer.tool_name, "arguments": arguments}
    return {"id": f"call_{answer.id[:20]}{index}", "type": "function", "function": function}


def _message(answer: Answer, index: int) -> dict[str, Any]:
    text = answer.texts[index]
    if not answer.tool_name:
        return {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    calls = [_call(answer, index, text)]
    return {"role": "assistant", "content": None, "refusal": None, "annotations": [], "tool_calls": calls}


def _first_delta(answer: Answer, index: int) -> dict[str, Any]:
    if not answer.tool_name:
        return {"role": "assistant", "content": "", "refusal": None}
    return {"role": "assistant", "content": None, "tool_calls": [{"index": 0, **_call(answer, index, "")}]}


def _delta(answer: Answer, piece: str) -> dict[str, Any]:
    if not answer.tool_name:
        return {"content": piece}
    return {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}


def _frame(answer: Answer, index: int, delta: dict[str, Any], *, tokens: int = 0, finish: str | None = None) -> Frame:
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
    usage = {"usage": None} if answer.usage_shown else {}
    return Frame(
        msgspec.json.encode({**_head(answer, "chat.completion.chunk"), "choices": [choice], **usage}), tokens=tokens
    )

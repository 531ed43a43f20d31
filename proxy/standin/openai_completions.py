"""OpenAI's older completions: requests read, answers rendered."""

from collections.abc import Iterable
from typing import Any

import msgspec

from proxy.standin import tokens
from proxy.standin.fields import text_of, whole_number
from proxy.standin.openai_chat import usage_object
from proxy.standin.protocol import CREATED, Answer, Asked, Frame, Provider, WrongRequestError


class OpenAICompletions:
    """POST /v1/completions."""

    provider: Provider = "openai"
    billed = True

    def read(self, body: dict[str, Any]) -> Asked:
        each = prompts(body.get("prompt"), "prompt")
        options = body.get("stream_options")
        stream = bool(body.get("stream"))
        suffix = body.get("suffix")
        return Asked(
            model=text_of(body, "model"),
            prompt_tokens=sum(map(prompt_tokens, each)) + tokens.of_text(suffix if isinstance(suffix, str) else ""),
            stream=stream,
            output_tokens_max=whole_number(body, "max_tokens"),
            choices=(whole_number(body, "n") or 1) * len(each),
            usage_asked=not stream or (isinstance(options, dict) and options.get("include_usage") is True),
        )

    def whole(self, answer: Answer) -> dict[str, Any]:
        finish = _finish(answer)
        choices = [_choice(index, text, finish) for index, text in enumerate(answer.texts)]
        usage = {"usage": usage_object(answer.usage)} if answer.usage_shown else {}
        return {**_head(answer), "choices": choices, **usage}

    def frames(self, answer: Answer) -> Iterable[Frame]:
        for position in range(max(map(len, answer.choices))):
            for index, pieces in enumerate(answer.choices):
                if position < len(pieces):
                    yield _frame(answer, _choice(index, pieces[position], None), tokens=1)
        for index in range(len(answer.choices)):
            yield _frame(answer, _choice(index, "", _finish(answer)))
        if answer.usage_shown:
            last = {**_head(answer), "choices": [], "usage": usage_object(answer.usage)}
            yield Frame(msgspec.json.encode(last), usage=True)
        yield Frame(b"[DONE]")

    def ping(self) -> Frame | None:
        return None

    def failure(self, message: str) -> Frame:
        return failure(message)


def failure(message: str) -> Frame:
    """The error that ends a stream."""
    return Frame(msgspec.json.encode({"error": {"message": message, "type": "server_error", "code": None}}))


def prompts(value: object, param: str) -> list[object]:
    """The prompts: texts, or lists of tokens. Raises WrongRequestError where there is none."""
    if value and isinstance(value, list) and not isinstance(value[0], int):
        return value
    if not value or not isinstance(value, str | list):
        raise WrongRequestError(f"you must provide a {param} parameter", param=param)
    return [value]


def prompt_tokens(prompt: object) -> int:
    return len(prompt) if isinstance(prompt, list) else tokens.of_text(str(prompt))


def _head(answer: Answer) -> dict[str, Any]:
    return {"id": f"cmpl-{answer.id}", "object": "text_completion", "created": CREATED, "model": answer.model}


def _finish(answer: Answer) -> str:
    return "length" if answer.limited else "stop"


def _choice(index: int, text: str, finish: str | None) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish}


def _frame(answer: Answer, choice: dict[str, Any], *, tokens: int = 0) -> Frame:
    usage = {"usage": None} if answer.usage_shown else {}
    return Frame(msgspec.json.encode({**_head(answer), "choices": [choice], **usage}), tokens=tokens)

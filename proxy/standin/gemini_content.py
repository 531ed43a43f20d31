"""Gemini generateContent and streamGenerateContent: requests read, answers rendered."""

from collections.abc import Iterable
from typing import Any

import msgspec

from proxy.standin import tokens
from proxy.standin.behaviour import Behaviour
from proxy.standin.fields import TOOL_PHRASE, objects, whole_number
from proxy.standin.framing import Elements, Framing, QuietEvents
from proxy.standin.protocol import Answer, Asked, Frame, Provider, Tool, WrongRequestError


class GeminiContent:
    """POST /v1beta/models/{model}:generateContent and :streamGenerateContent (`events`: with alt=sse)."""

    provider: Provider = "gemini"
    billed = True

    def __init__(self, model: str, *, stream: bool = False, events: bool = True) -> None:
        self._model = model
        self._stream = stream
        self._events = events

    def framing(self, behaviour: Behaviour) -> Framing:
        return QuietEvents(behaviour) if self._events else Elements(behaviour)

    def read(self, body: dict[str, Any]) -> Asked:
        contents = objects(body.get("contents"), "contents")
        if not contents:
            raise WrongRequestError("* GenerateContentRequest.contents: contents is not specified", param="contents")
        generation = _either(body, "generationConfig", "generation_config") or {}
        return Asked(
            model=self._model,
            prompt_tokens=prompt_tokens(body),
            stream=self._stream,
            output_tokens_max=whole_number(generation, "maxOutputTokens", "max_output_tokens"),
            choices=whole_number(generation, "candidateCount", "candidate_count") or 1,
            tool=_tool(body) if _asks_for_tool(contents[-1]) else _schema(generation),
            modal=True,
        )

    def whole(self, answer: Answer) -> dict[str, Any]:
        candidates = [
            _candidate(answer, index, _parts(answer, index), finish=_finish(answer))
            for index in range(len(answer.choices))
        ]
        return {"candidates": candidates, **_head(answer, answer.usage.output_text)}

    def frames(self, answer: Answer) -> Iterable[Frame]:
        """Usage is repeated in each piece, with the count so far. Calls of tools come whole."""
        sent = 0
        last = len(answer.choices) - 1
        for index, pieces in enumerate(answer.choices):
            groups = [_parts(answer, index)] if answer.tool_name else [[{"text": piece}] for piece in pieces]
            for parts in groups:
                count = answer.name_tokens + len(pieces) if answer.tool_name else 1
                told = answer.usage.reasoning if answer.usage_shown and not sent else 0
                sent += count
                yield Frame(_encoded(answer, _candidate(answer, index, parts), sent), tokens=count, reasoning=told)
            end = _candidate(answer, index, [{"text": ""}], finish=_finish(answer))
            yield Frame(_encoded(answer, end, sent), usage=answer.usage_shown and index == last)

    def ping(self) -> Frame | None:
        return None

    def failure(self, message: str) -> Frame:
        error = {"code": 503, "message": message, "status": "UNAVAILABLE"}
        return Frame(msgspec.json.encode({"error": error}))


def prompt_tokens(body: dict[str, Any]) -> int:
    """Tokens of a prompt: each content is a message, and the system instruction one of the role 'system'."""
    count = tokens.ANSWER_TOKENS
    system = _either(body, "systemInstruction", "system_instruction")
    if system:
        count += content_tokens(system, "system")
    count += sum(content_tokens(content, "user") for content in objects(body.get("contents"), "contents"))
    return count + (tokens.of_json(body["tools"]) if body.get("tools") else 0)


def content_tokens(content: dict[str, Any], role: str) -> int:
    return tokens.of_message(str(content.get("role") or role), "") + sum(map(_part_tokens, content.get("parts") or ()))


def usage_metadata(answer: Answer, output_text: int) -> dict[str, Any]:
    """Totals include what a cache held; thoughts, and what tools fed in, stand beside them."""
    usage, fed = answer.usage, answer.behaviour.tool_prompt
    text = usage.input_text - (0 if answer.behaviour.searches else fed)
    prompt = text + usage.input_audio + usage.input_image + usage.cache_read
    counts = {
        "cachedContentTokenCount": usage.cache_read,
        "toolUsePromptTokenCount": fed,
        "thoughtsTokenCount": usage.reasoning,
    }
    cached = {"cacheTokensDetails": _details(TEXT=usage.cache_read)} if usage.cache_read else {}
    tier = {"serviceTier": answer.behaviour.tier} if answer.behaviour.tier else {}
    return {
        "promptTokenCount": prompt,
        "candidatesTokenCount": output_text,
        "totalTokenCount": prompt + output_text + fed + usage.reasoning,
        "promptTokensDetails": _details(TEXT=text + usage.cache_read, AUDIO=usage.input_audio, IMAGE=usage.input_image),
        **{name: count for name, count in counts.items() if count},
        **cached,
        **tier,
    }


def _details(**counts: int) -> list[dict[str, Any]]:
    return [{"modality": modality, "tokenCount": count} for modality, count in counts.items() if count]


def _part_tokens(part: dict[str, Any]) -> int:
    """Media is free here."""
    if isinstance(part.get("text"), str):
        return tokens.of_text(part["text"])
    if any(name in part for name in ("inlineData", "inline_data", "fileData", "file_data")):
        return 0
    return tokens.of_json({name: value for name, value in part.items() if name != "thoughtSignature"})


def _either(body: dict[str, Any], camel: str, snake: str) -> Any:
    return body.get(camel, body.get(snake))


def _asks_for_tool(last: dict[str, Any]) -> bool:
    texts = [part.get("text") for part in objects(last.get("parts"), "parts")]
    return any(isinstance(text, str) and TOOL_PHRASE in text.lower() for text in texts)


def _tool(body: dict[str, Any]) -> Tool | None:
    """The first function among the tools."""
    for tool in objects(body.get("tools"), "tools"):
        for function in _either(tool, "functionDeclarations", "function_declarations") or ():
            schema = function.get("parametersJsonSchema") or function.get("parameters") or {}
            return Tool(function["name"], _lowered(schema))
    return None


def _schema(generation: dict[str, Any]) -> Tool | None:
    """Where JSON is asked for by a schema: the answer's text is what a tool without a name would be called with."""
    schema = _either(generation, "responseJsonSchema", "response_json_schema")
    schema = schema or _either(generation, "responseSchema", "response_schema")
    return Tool("", _lowered(schema)) if isinstance(schema, dict) else None


def _lowered(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with the names of types as JSON schema has them: Gemini's are in capitals."""
    properties = {
        name: {**each, "type": str(each.get("type", "")).lower()} for name, each in schema.get("properties", {}).items()
    }
    return {**schema, "properties": properties}


def _finish(answer: Answer) -> str:
    return "MAX_TOKENS" if answer.limited else "STOP"


def _parts(answer: Answer, index: int) -> list[dict[str, Any]]:
    text = answer.texts[index]
    if not answer.tool_name:
        return [{"text": text}]
    # A call whose arguments were cut by the output limit has no readable ones.
    arguments = {} if answer.limited else msgspec.json.decode(text)
    return [{"functionCall": {"name": answer.tool_name, "args": arguments}}]


def _candidate(answer: Answer, index: int, parts: list[dict[str, Any]], finish: str = "") -> dict[str, Any]:
    content = {"content": {"parts": parts, "role": "model"}}
    ended = {"finishReason": finish} if finish else {}
    return {**content, **ended, "index": index, **(_grounding(answer) if finish else {})}


def _grounding(answer: Answer) -> dict[str, Any]:
    """Queries, an empty one among them: it is not billed."""
    queries = [f"what is {number}" for number in range(answer.behaviour.searches)]
    chunk = {"web": {"uri": "https://example.com/", "title": "example.com"}}
    return {"groundingMetadata": {"webSearchQueries": [*queries, ""], "groundingChunks": [chunk]}} if queries else {}


def _head(answer: Answer, output_text: int) -> dict[str, Any]:
    usage = {"usageMetadata": usage_metadata(answer, output_text)} if answer.usage_shown else {}
    return {**usage, "modelVersion": answer.model, "responseId": answer.id[:22]}


def _encoded(answer: Answer, candidate: dict[str, Any], output_text: int) -> bytes:
    return msgspec.json.encode({"candidates": [candidate], **_head(answer, output_text)})

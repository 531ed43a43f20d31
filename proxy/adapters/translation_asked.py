"""What of a call in OpenAI's dialect litellm is told, and what the provider won't hear of."""

from typing import Any, Final

import litellm
import msgspec

from proxy.adapters.translation_frames import Call
from proxy.adapters.translation_schemas import NODES_MAX, too_large

VENDORS: Final = {"anthropic": "anthropic", "gemini": "gemini", "bedrock": "bedrock"}
"""Dialect -> litellm's name of who speaks it."""
SHARED: Final = (
    *("stream", "temperature", "top_p", "tools", "tool_choice", "parallel_tool_calls", "user", "service_tier"),
)
CHAT: Final = frozenset(
    (
        *SHARED,
        *("messages", "functions", "function_call", "n", "stream_options", "stop", "max_tokens"),
        *("max_completion_tokens", "modalities", "prediction", "audio", "presence_penalty", "frequency_penalty"),
        *("logit_bias", "response_format", "seed", "logprobs", "top_logprobs", "reasoning_effort", "verbosity"),
        *("web_search_options", "thinking"),
    )
)
RESPONSES: Final = frozenset((*SHARED, "input", "instructions", "max_output_tokens", "reasoning", "text", "truncation"))
EMBEDDINGS: Final = frozenset(("input", "dimensions", "encoding_format", "user"))
EMBEDDING: Final = ("gemini",)
"""Dialects that embeddings are translated to. litellm sends one request for each text to some models of Bedrock."""
KNOWN: Final = {"chat": CHAT, "responses": RESPONSES, "embeddings": EMBEDDINGS}
"""What of a body litellm is told. It takes many more arguments (where to send, with which credential, what to answer
in place of a provider), and a body is the caller's."""
SILENT: Final = frozenset(("model", "metadata", "store", "safety_identifier", "prompt_cache_key", "include"))
"""Left out without a word: they say nothing about the answer."""
STORED: Final = ("previous_response_id", "conversation", "prompt", "background")
"""Fields of a responses call that need a conversation, a template or work kept at OpenAI."""
ALWAYS: Final = frozenset(("messages", "input", "stream", "stream_options", "instructions", "truncation", "text"))
"""Not among litellm's parameters of a model, since every model has them in some form."""


class RefusedError(Exception):
    """A call that can't be translated; the message is for its caller."""


def asked_of(call: Call) -> tuple[dict[str, Any], list[str]]:
    """What litellm is told of the body, and the names of what the provider won't hear of. Raises RefusedError."""
    body = msgspec.json.decode(call.body)
    if not isinstance(body, dict):
        raise RefusedError("The request body must be a JSON object.")
    if call.operation == "embeddings" and call.dialect not in EMBEDDING:
        raise RefusedError(f"Embeddings are not translated to the dialect of {call.dialect}.")
    if call.operation == "responses" and (named := [name for name in STORED if body.get(name)]):
        raise RefusedError(
            f"'{named[0]}' refers to what OpenAI keeps, and this model is served by another provider. "
            "Send the whole input instead."
        )
    given = {name: value for name, value in body.items() if value is not None and name not in SILENT}
    asked = {name: value for name, value in given.items() if name in KNOWN[call.operation]}
    if too_large(asked):
        raise RefusedError(f"The schemas of this call come to more than {NODES_MAX} values, references resolved.")
    without = sorted(set(asked) - _supported(call))
    return asked, [*without, "unknown fields"] if len(asked) < len(given) else without


def _supported(call: Call) -> set[str]:
    if call.operation == "embeddings":
        return {"input", "dimensions", "encoding_format"}
    found = litellm.get_supported_openai_params(call.model, VENDORS[call.dialect]) or []
    renamed = {"reasoning": "reasoning_effort", "max_output_tokens": "max_tokens", "text": "response_format"}
    return {*found, *ALWAYS, *(name for name, chat in renamed.items() if chat in found)}

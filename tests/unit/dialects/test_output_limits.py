"""Rules on output limits, over every operation of every dialect: it is written in, or there is none to write."""

import re
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

from proxy.dialects import (
    anthropic,
    azure,
    bedrock,
    gemini,
    openai,
    openai_files,
    openai_operations,
    openai_places,
    openai_realtime,
    openai_responses_socket,
)
from proxy.dialects.dialect import Dialect, Operation

DOCS: Final = Path(__file__).parents[3] / "docs" / "policies.md"
LIMIT: Final = 77
OPENAI: Final = (openai_operations, openai_places, openai_files)
SOCKETS: Final = (openai_realtime, openai_responses_socket)
JSON: Final = {b"content-type": b"application/json"}
CHAT: Final = b'{"model":"m","messages":[{"role":"user","content":"hi"}]%b}'
CONTENTS: Final = b'{"contents":[{"parts":[{"text":"hi"}]}]%b}'
CONVERSED: Final = b'{"messages":[{"role":"user","content":[{"text":"hi"}]}]%b}'
CLAUDE: Final = b"/model/anthropic.claude-haiku-4-5/"
LIMITED: Final[dict[str, dict[str, tuple[bytes, bytes, bytes]]]] = {
    "openai": {
        "chat": (b"/v1/chat/completions", CHAT, b',"max_tokens":%d'),
        "responses": (b"/v1/responses", b'{"model":"m","input":"hi"%b}', b',"max_output_tokens":%d'),
        "completions": (b"/v1/completions", b'{"model":"m","prompt":"hi"%b}', b',"max_tokens":%d'),
    },
    "anthropic": {"messages": (b"/v1/messages", CHAT, b',"max_tokens":%d')},
    "gemini": {
        "generate_content": (
            b"/v1beta/models/m:generateContent",
            CONTENTS,
            b',"generationConfig":{"maxOutputTokens":%d}',
        ),
        "stream_generate_content": (
            b"/v1beta/models/m:streamGenerateContent",
            CONTENTS,
            b',"generation_config":{"max_output_tokens":%d}',
        ),
    },
    "bedrock": {
        "converse": (CLAUDE + b"converse", CONVERSED, b',"inferenceConfig":{"maxTokens":%d}'),
        "converse_stream": (CLAUDE + b"converse-stream", CONVERSED, b',"inferenceConfig":{"maxTokens":%d}'),
        "invoke": (CLAUDE + b"invoke", CHAT, b',"max_tokens":%d'),
        "invoke_stream": (CLAUDE + b"invoke-with-response-stream", CHAT, b',"max_tokens":%d'),
    },
}
"""Dialect -> operation -> path, body, and the member that states a limit in it."""
LIMITED["azure"] = {name: (b"/openai" + place, *more) for name, (place, *more) in LIMITED["openai"].items()}  # type: ignore[misc]
WITHOUT: Final = {
    "openai": {
        *("responses_compact", "embeddings", "images_generations", "images_edits", "images_variations"),
        *("audio_speech", "audio_transcriptions", "audio_translations"),
    },
    "anthropic": set(),
    "gemini": {"embeddings", "images", "cached_contents"},
    "bedrock": set(),
}
"""Priced operations that have no limit of text: docs/policies.md says so."""
WITHOUT["azure"] = WITHOUT["openai"]
DIALECTS: Final[dict[str, tuple[Dialect, tuple[ModuleType, ...]]]] = {
    "openai": (openai.OpenAI(), OPENAI),
    "azure": (azure.Azure(), (azure, *OPENAI)),
    "anthropic": (anthropic.Anthropic(), (anthropic,)),
    "gemini": (gemini.Gemini(), (gemini,)),
    "bedrock": (bedrock.Bedrock(), (bedrock,)),
}
CASES: Final = [(name, operation) for name, operations in LIMITED.items() for operation in operations]


def operations(modules: tuple[ModuleType, ...]) -> dict[str, Operation]:
    found = [value for module in modules for value in vars(module).values() if isinstance(value, Operation)]
    return {each.name: each for each in found}


@pytest.mark.parametrize("name", DIALECTS)
def test_every_priced_operation_has_a_limit_or_is_known_to_have_none(name: str) -> None:
    of_dialect = operations(DIALECTS[name][1])
    assert {each.name for each in of_dialect.values() if each.output_limited} == set(LIMITED[name])
    priced = {each.name for each in of_dialect.values() if each.priced}
    assert priced == {*LIMITED[name], *WITHOUT[name]}


@pytest.mark.parametrize(("name", "operation"), CASES)
@pytest.mark.parametrize("stated", [None, 5000], ids=["none", "higher"])
def test_a_limit_is_written_where_the_provider_reads_it(name: str, operation: str, stated: int | None) -> None:
    dialect, modules = DIALECTS[name]
    target, body, member = LIMITED[name][operation]
    body %= b"" if stated is None else member % stated
    found = dialect.operation("POST", target.decode())
    assert found == operations(modules)[operation]
    request = dialect.read(found, body, JSON, target)
    assert request.output_tokens_max == stated
    splice = dialect.limit_output(found, request, body, LIMIT)
    assert splice is not None
    assert dialect.read(found, splice.body, JSON, target).output_tokens_max == LIMIT
    if stated:
        assert splice.body == body.replace(b"5000", b"77")


def test_the_docs_name_each_operation_with_a_limit_and_each_priced_one_of_openai_without() -> None:
    chapter = DOCS.read_text().partition("### Output limits")[2].partition("\n### ")[0]
    named = set(re.findall(r"`(\w+)`", chapter))
    assert {operation for _, operation in CASES} <= named
    assert "responses_compact" in named

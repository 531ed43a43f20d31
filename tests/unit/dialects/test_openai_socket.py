"""Which of OpenAI's paths are websockets, and which model their query names."""

import pytest

from proxy.dialects.openai import OpenAI
from proxy.dialects.openai_realtime import RealtimeConversation
from proxy.dialects.openai_responses_socket import ResponsesConversation
from proxy.dialects.openai_socket import conversation


@pytest.mark.parametrize(
    ("base", "target", "kind", "model"),
    [
        ("/v1", "/v1/responses", ResponsesConversation, ""),
        ("/v1", "/v1/realtime?model=gpt-realtime", RealtimeConversation, "gpt-realtime"),
        ("/v1", "/v1/realtime?intent=transcription", RealtimeConversation, ""),
        ("/openai", "/openai/realtime?api-version=1&deployment=my-deployment", RealtimeConversation, "my-deployment"),
    ],
)
def test_paths_and_models(base: str, target: str, kind: type, model: str) -> None:
    found = conversation(base, target.partition("?")[0], target.encode(), {})
    assert isinstance(found, kind)
    assert found.model == model


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/realtime/calls", "/v1/responses/", "/realtime", "/"])
def test_no_other_path_is_one(path: str) -> None:
    assert OpenAI().socket(path, path.encode(), {}) is None

"""Which of OpenAI's paths are websockets, and which model their query names."""

import pytest

from proxy.dialects.azure import Azure
from proxy.dialects.dialect import UnreadableError
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


@pytest.mark.parametrize(
    ("target", "model"),
    [
        ("/openai/v1/responses", ""),
        ("/openai/v1/realtime?model=my-realtime", "my-realtime"),
        ("/openai/realtime?api-version=2024-10-01-preview&deployment=my-realtime", "my-realtime"),
    ],
)
def test_azure_has_them_under_its_own_paths(target: str, model: str) -> None:
    found = Azure().socket(target.partition("?")[0], target.encode(), {})
    assert found is not None
    assert found.model == model
    assert Azure().socket("/openai/responses", b"/openai/responses", {}) is None


@pytest.mark.parametrize("path", ["/realtime/client_secrets", "/realtime/sessions", "/realtime/calls/rtc_1/accept"])
def test_what_would_let_sockets_be_opened_past_outlay_is_told_apart(path: str) -> None:
    assert "/v1/realtime " in OpenAI().sidestep("/v1" + path)
    assert Azure().sidestep("/openai/v1" + path)
    assert OpenAI().sidestep("/v1/x" + path) == OpenAI().sidestep("/v1/realtime/translations") == ""


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/realtime/calls", "/v1/responses/", "/realtime", "/"])
def test_no_other_path_is_one(path: str) -> None:
    assert OpenAI().socket(path, path.encode(), {}) is None


@pytest.mark.parametrize(
    "query", ["model=cheap&model=dear", "deployment=dear&model=cheap", "&".join(f"p{i}=1" for i in range(200))]
)
def test_a_query_that_two_readers_could_take_for_different_models_is_refused(query: str) -> None:
    with pytest.raises(UnreadableError):
        conversation("/v1", "/v1/realtime", f"/v1/realtime?{query}".encode(), {})

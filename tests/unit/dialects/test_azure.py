"""Azure OpenAI: both styles of paths mean OpenAI's operations, and the deployment is the model."""

import json
from dataclasses import replace

import pytest

from proxy.dialects.azure import DEPLOYMENTS, Azure
from proxy.dialects.dialect import ModelList, UnreadableError
from proxy.dialects.openai_files import BATCHES, SUBMIT, WHOLE
from proxy.dialects.openai_operations import CHAT, EMBEDDINGS, IMAGES, RESPONSES, SPEECH
from proxy.dialects.openai_places import MODELS, STORED

DIALECT = Azure()
CLASSIC = b"/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21"


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("POST", "/openai/deployments/my-gpt/chat/completions", CHAT),
        ("POST", "/openai/deployments/my-gpt/embeddings", EMBEDDINGS),
        ("POST", "/openai/deployments/my-gpt/images/generations", IMAGES),
        ("POST", "/openai/deployments/my-gpt/audio/speech", SPEECH),
        ("POST", "/openai/deployments/my-gpt/responses", RESPONSES),
        ("GET", "/openai/deployments", DEPLOYMENTS),
        ("GET", "/openai/deployments/my-gpt", replace(DEPLOYMENTS, lists=ModelList("my-gpt"))),
        ("POST", "/openai/responses", RESPONSES),
        ("GET", "/openai/responses/resp_1", STORED),
        ("GET", "/openai/models", MODELS),
        ("POST", "/openai/files", WHOLE),
        ("POST", "/openai/batches", SUBMIT),
        ("POST", "/openai/v1/chat/completions", CHAT),
        ("POST", "/openai/v1/responses", RESPONSES),
        ("POST", "/openai/v1/embeddings", EMBEDDINGS),
        ("GET", "/openai/v1/models", MODELS),
        ("GET", "/openai/v1/batches/batch_1", BATCHES),
        ("POST", "/openai/chat/completions", None),
        ("GET", "/openai/deployments/my-gpt/chat/completions", None),
        ("POST", "/openai/deployments/my-gpt/extensions/chat/completions", None),
        ("PUT", "/openai/deployments/my-gpt", None),
        ("POST", "/openai/responsesx", None),
        ("POST", "/v1/chat/completions", None),
        ("GET", "/openai", None),
    ],
)
def test_operations(method, path, operation):
    assert DIALECT.operation(method, path) == operation


def test_results_are_metered_under_azures_paths_too():
    operation = DIALECT.operation("GET", "/openai/files/file-1/content")
    assert (operation.name, operation.resource) == ("file_content", "file-1")


def read(target, **body):
    operation = DIALECT.operation("POST", target.decode().partition("?")[0])
    return DIALECT.read(operation, json.dumps({"messages": [], **body}).encode(), {}, target)


def test_the_deployment_in_the_path_is_the_model_whatever_the_body_says():
    assert read(CLASSIC).model == "my-gpt"
    assert read(CLASSIC, model="gpt-nano").model == "my-gpt"
    assert read(CLASSIC.replace(b"my-gpt", b"my%20gpt")).model == "my gpt"


def test_in_the_v1_style_the_body_names_it():
    assert read(b"/openai/v1/chat/completions", model="my-gpt").model == "my-gpt"


def test_a_deployment_that_is_no_name_is_refused():
    with pytest.raises(UnreadableError, match="deployment"):
        read(CLASSIC.replace(b"my-gpt", b"x" * 201))


@pytest.mark.parametrize(
    ("target", "asked"),
    [
        (CLASSIC, False),
        (CLASSIC.replace(b"2024-10-21", b"2024-06-01"), True),
        (CLASSIC.partition(b"?")[0], True),
        (b"/openai/v1/chat/completions", False),
    ],
)
def test_usage_of_a_stream_is_asked_for_where_the_api_version_knows_how(target, asked):
    assert read(target, model="my-gpt", stream=True).usage_asked is asked


def test_the_credential():
    assert DIALECT.credential("secret") == (b"api-key", b"secret")

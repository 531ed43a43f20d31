"""The stand-in's routes in Gemini's format."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final
from urllib.parse import parse_qs

from starlette.routing import Route

from proxy.standin import gemini_small as small
from proxy.standin.exchange import Choose, Exchange, Scope
from proxy.standin.gemini_content import GeminiContent
from proxy.standin.protocol import Format
from proxy.standin.tally import Tally

_VERSIONS: Final = ("v1beta", "v1", "v1alpha")
_OPERATIONS: Final[Mapping[str, tuple[str, Callable[[str, bool], Format]]]] = {
    "generateContent": ("generate_content", lambda name, events: GeminiContent(name)),
    "streamGenerateContent": (
        "stream_generate_content",
        lambda name, events: GeminiContent(name, stream=True, events=events),
    ),
    "countTokens": ("count_tokens", lambda name, events: small.CountTokens(name)),
    "embedContent": ("embeddings", lambda name, events: small.Embeddings(name, batch=False)),
    "batchEmbedContents": ("embeddings", lambda name, events: small.Embeddings(name, batch=True)),
    "predict": ("images", lambda name, events: small.Images(name)),
}


def routes(tally: Tally) -> Iterator[Route]:
    """The list of models under v1 is no route of its own: other providers have theirs there."""
    for version in _VERSIONS:
        for verb, (operation, make) in _OPERATIONS.items():
            path = f"/{version}/models/{{name}}:{verb}"
            yield Route(path, Exchange(operation, _for_model(make), tally), methods=["POST"])
    for version in ("v1beta", "v1alpha"):
        models = Exchange("models", lambda scope, headers: small.GeminiModels(_name(scope)), tally)
        yield Route(f"/{version}/models", models, methods=["GET"])
        yield Route(f"/{version}/models/{{name}}", models, methods=["GET"])
        made = Exchange("cached_contents", lambda scope, headers: small.Cache(), tally)
        kept = Exchange("cached_contents_kept", _caches, tally)
        yield Route(f"/{version}/cachedContents", made, methods=["POST"])
        yield Route(f"/{version}/cachedContents", kept, methods=["GET"])
        yield Route(f"/{version}/cachedContents/{{name}}", kept, methods=["GET", "PATCH", "DELETE"])


def _for_model(make: Callable[[str, bool], Format]) -> Choose:
    return lambda scope, headers: make(_name(scope), _events(scope))


def _caches(scope: Scope, headers: Mapping[str, str]) -> Format:
    return small.Caches(_name(scope), scope["method"])


def _name(scope: Scope) -> str:
    name: str = scope.get("path_params", {}).get("name", "")
    return name


def _events(scope: Scope) -> bool:
    return parse_qs(scope["query_string"].decode("latin-1")).get("alt") == ["sse"]

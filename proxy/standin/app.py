"""The stand-in's routes, under one tally."""

from collections.abc import Mapping
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute

from proxy.standin import anthropic_batches, azure, behaviour, errors, gemini, openai_batches, openai_media
from proxy.standin.anthropic_messages import AnthropicCountTokens, AnthropicMessages
from proxy.standin.bedrock import Runtime
from proxy.standin.exchange import Choose, Exchange, Scope
from proxy.standin.gemini_small import GeminiModels
from proxy.standin.models import Models
from proxy.standin.openai_chat import OpenAIChat
from proxy.standin.openai_responses import OpenAIResponses
from proxy.standin.protocol import Format, Provider
from proxy.standin.realtime import RealtimeTalk
from proxy.standin.responses_socket import ResponsesTalk
from proxy.standin.socket import SocketExchange
from proxy.standin.tally import CALLS_KEPT, Tally

ABOUT: Final = "The stand-in provider of outlay: a fake. It asks no model, and its answers are filler."
PAGE_DEFAULT: Final = 1000


def make_app(tally: Tally) -> Starlette:
    """The stand-in as an ASGI application; what it answers is counted in `tally`."""

    async def counts(request: Request) -> Response:
        return JSONResponse(tally.counts())

    async def calls(request: Request) -> Response:
        try:
            after = max(0, int(request.query_params.get("after", "0")))
            limit = min(CALLS_KEPT, int(request.query_params.get("limit", str(PAGE_DEFAULT))))
        except ValueError:
            return JSONResponse({"error": "after and limit are whole numbers"}, 400)
        return JSONResponse(tally.calls(after, max(1, limit)))

    async def reset(request: Request) -> Response:
        tally.reset()
        return JSONResponse(tally.counts())

    async def hurry(request: Request) -> Response:
        tally.hurry.up(request.query_params.get("marker", ""))
        return JSONResponse(tally.counts())

    return Starlette(
        routes=[
            Route("/v1/chat/completions", Exchange("chat", _always(OpenAIChat()), tally), methods=["POST"]),
            Route("/v1/responses", Exchange("responses", _always(OpenAIResponses()), tally), methods=["POST"]),
            Route("/v1/messages", Exchange("messages", _always(AnthropicMessages()), tally), methods=["POST"]),
            Route(
                "/v1/messages/count_tokens",
                Exchange("count_tokens", _always(AnthropicCountTokens()), tally),
                methods=["POST"],
            ),
            Route("/v1/models", Exchange("models", _models, tally), methods=["GET"]),
            Route("/v1/models/{name:path}", Exchange("models", _models, tally), methods=["GET"]),
            *openai_media.routes(tally),
            *gemini.routes(tally),
            *openai_batches.routes(tally),
            *azure.routes(tally),
            *anthropic_batches.routes(tally),
            WebSocketRoute("/v1/responses", SocketExchange(ResponsesTalk, tally)),
            WebSocketRoute("/v1/realtime", SocketExchange(RealtimeTalk, tally)),
            Runtime(tally),
            Route("/stand-in/counts", counts),
            Route("/stand-in/calls", calls),
            Route("/stand-in/reset", reset, methods=["POST"]),
            Route("/stand-in/hurry", hurry, methods=["POST"]),
            Route("/", _about),
        ],
        exception_handlers={404: _unknown, 405: _unknown},
    )


def _always(form: Format) -> Choose:
    return lambda scope, headers: form


def _models(scope: Scope, headers: Mapping[str, str]) -> Format:
    name = scope.get("path_params", {}).get("name", "")
    provider = _provider(headers)
    return GeminiModels(name) if provider == "gemini" else Models(provider, name)


def _provider(headers: Mapping[str, str]) -> Provider:
    """The providers have a list of models at the same path; Anthropic's clients name a version, Google's a key."""
    if "x-goog-api-key" in headers:
        return "gemini"
    return "anthropic" if "anthropic-version" in headers else "openai"


async def _about(request: Request) -> Response:
    return JSONResponse({"stand-in": ABOUT, "headers": behaviour.HEADERS})


async def _unknown(request: Request, error: Exception) -> Response:
    provider = _provider(request.headers)
    message = f"The stand-in has no {request.method} {request.url.path}"
    return JSONResponse(errors.body(provider, 404, message, None, "req_unknown"), 404)

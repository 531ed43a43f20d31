"""Bedrock's runtime at the stand-in: routes, model ids in the path, and signatures where a header tells the secret."""

from base64 import b64decode
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import unquote

import msgspec
from starlette.routing import BaseRoute, Match

from proxy.standin import sigv4
from proxy.standin.bedrock_converse import Converse, prompt_tokens
from proxy.standin.bedrock_invoke import Invoke, family
from proxy.standin.client import Receive, Send
from proxy.standin.exchange import Exchange, Scope
from proxy.standin.protocol import Answer, Asked, Format, Frame, Provider, WrongRequestError
from proxy.standin.tally import Tally

CHECKED_BY: Final = "x-standin-aws-secret"
"""The header with the secret that a call's signature is checked with; without this header any credential is taken."""
_WRONG: Final = "standin.signature"
_FORMATS: Final = {
    "converse": ("converse", False),
    "converse-stream": ("converse_stream", True),
    "invoke": ("invoke", False),
    "invoke-with-response-stream": ("invoke_stream", True),
    "count-tokens": ("count_tokens", False),
}


class CountTokens:
    """POST /model/{id}/count-tokens: of a request to converse, or of one to invoke in base64."""

    provider: Provider = "bedrock"
    billed = False

    def __init__(self, model: str) -> None:
        self._model = model

    def read(self, body: dict[str, Any]) -> Asked:
        given = body.get("input")
        given = given if isinstance(given, dict) else {}
        if isinstance(given.get("converse"), dict):
            return Asked(self._model, prompt_tokens(given["converse"]))
        try:
            inner = msgspec.json.decode(b64decode(given["invokeModel"]["body"]), type=dict[str, Any])
        except (KeyError, TypeError, ValueError) as error:
            raise WrongRequestError("input must hold converse or invokeModel") from error
        return Asked(self._model, family(self._model).read(inner, self._model, stream=False).prompt_tokens)

    def whole(self, answer: Answer) -> dict[str, Any]:
        return {"inputTokens": answer.usage.input_text}

    def frames(self, answer: Answer) -> Iterable[Frame]:
        return ()

    def ping(self) -> Frame | None:
        return None

    def failure(self, message: str) -> Frame:
        return Frame(message.encode())


class Runtime(BaseRoute):
    """Every path of the runtime: the id stands percent-encoded in the raw path, where a slash in it is no separator."""

    def __init__(self, tally: Tally) -> None:
        self._exchanges = {
            action: Exchange(name, _chosen(action, stream=stream), tally) for action, (name, stream) in _FORMATS.items()
        }

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or scope["method"] != "POST":
            return Match.NONE, {}
        _, action = _place(scope)
        return (Match.FULL, {}) if action in self._exchanges else (Match.NONE, {})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        exchange = self._exchanges[_place(scope)[1]]
        secret = headers.get(CHECKED_BY)
        if secret is not None:
            body, receive = await _read(receive)
            target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
            scope[_WRONG] = sigv4.wrong_with(scope["method"], target, headers, body, secret)
        await exchange(scope, receive, send)


def _place(scope: Scope) -> tuple[str, str]:
    """Model id, decoded, and what is asked of it; '' where the path is none of the runtime's."""
    parts = scope["raw_path"].decode("latin-1").split("/")
    return (unquote(parts[2]), parts[3]) if len(parts) == 4 and parts[1] == "model" and parts[2] else ("", "")


def _chosen(action: str, *, stream: bool) -> Any:
    def choose(scope: Scope, headers: Mapping[str, str]) -> Format:
        model = _place(scope)[0]
        form: Format = CountTokens(model)
        if action != "count-tokens":
            form = (Converse if action.startswith("converse") else Invoke)(model, stream=stream)
        wrong = scope.get(_WRONG, "")
        return _Refused(form, wrong) if wrong else form

    return choose


class _Refused:
    """A format whose every request is refused for its signature."""

    billed = False

    def __init__(self, form: Format, wrong: str) -> None:
        self.provider = form.provider
        self.whole = form.whole
        self.frames = form.frames
        self.ping = form.ping
        self.failure = form.failure
        self._wrong = wrong

    def read(self, body: dict[str, Any]) -> Asked:
        raise WrongRequestError(self._wrong, status=403)


async def _read(receive: Receive) -> tuple[bytes, Receive]:
    """The whole body, and a channel that gives it once more."""
    first: list[Any] = []
    more = True
    while more:
        message = await receive()
        first.append(message)
        more = bool(message.get("more_body"))
    body = b"".join(message.get("body", b"") for message in first)

    async def again() -> Any:
        return first.pop(0) if first else await receive()

    return body, again

"""Azure OpenAI at the stand-in: OpenAI's formats at Azure's paths, classic and v1."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from starlette.routing import Route

from proxy.standin import openai_batches, openai_media
from proxy.standin.exchange import Choose, Exchange, Scope
from proxy.standin.models import NAMES, Models
from proxy.standin.openai_chat import OpenAIChat
from proxy.standin.openai_responses import OpenAIResponses
from proxy.standin.plain import Asking, PlainExchange, Reply, object_reply
from proxy.standin.protocol import Answer, Asked, Format, Frame
from proxy.standin.protocol import Plain as PlainAnswer
from proxy.standin.tally import Tally

FORMATS: Final[Mapping[str, Format]] = {
    "chat/completions": OpenAIChat(),
    "responses": OpenAIResponses(),
    **openai_media.FORMATS,
}


def routes(tally: Tally) -> list[Route]:
    found: list[Route] = []
    for path, form in FORMATS.items():
        name = "chat" if path == "chat/completions" else path.replace("/", "_")
        deployed = Exchange(name, _deployed(form), tally)
        found.append(Route(f"/openai/deployments/{{deployment}}/{path}", deployed, methods=["POST"]))
        found.append(Route(f"/openai/v1/{path}", Exchange(name, _always(form), tally), methods=["POST"]))
    found.append(Route("/openai/responses", Exchange("responses", _always(OpenAIResponses()), tally), methods=["POST"]))
    for path in ("/openai/models", "/openai/v1/models"):
        found.append(Route(path, Exchange("models", _always(Models("openai", "")), tally), methods=["GET"]))
    found.append(Route("/openai/deployments", PlainExchange("deployments", "openai", _deployments, tally)))
    found += openai_batches.routes(tally, base="/openai/v1")
    found += openai_batches.routes(tally, base="/openai")
    return found


class Deployed:
    """A format whose model is the deployment in the path, whether or not the body names one."""

    def __init__(self, form: Format, deployment: str) -> None:
        self._form = form
        self._deployment = deployment
        self.provider = form.provider
        self.billed = form.billed

    def read(self, body: dict[str, Any]) -> Asked:
        return self._form.read({**body, "model": self._deployment})

    def whole(self, answer: Answer) -> dict[str, Any] | PlainAnswer:
        return self._form.whole(answer)

    def frames(self, answer: Answer) -> Iterable[Frame]:
        return self._form.frames(answer)

    def ping(self) -> Frame | None:
        return self._form.ping()

    def failure(self, message: str) -> Frame:
        return self._form.failure(message)


def _always(form: Format) -> Choose:
    return lambda scope, headers: form


def _deployed(form: Format) -> Choose:
    def choose(scope: Scope, headers: Mapping[str, str]) -> Format:
        return Deployed(form, scope["path_params"]["deployment"])

    return choose


def _deployments(asking: Asking) -> Reply:
    rows = [{"id": name, "object": "deployment", "model": name, "status": "succeeded"} for name in NAMES]
    return object_reply({"object": "list", "data": rows})

"""Models: the lists of models, in the shape of either provider. Any other model name works as well."""

from collections.abc import Iterable
from typing import Any, Final

from proxy.standin.protocol import CREATED, MISSING_MODEL, Answer, Asked, Frame, Provider, WrongRequestError

NAMES: Final = ("stand-in-large", "stand-in-small")
CREATED_AT: Final = "2026-01-01T00:00:00Z"


class Models:
    """GET /v1/models and /v1/models/{name}. `name` '': the list."""

    billed = False

    def __init__(self, provider: Provider, name: str) -> None:
        self.provider: Provider = provider
        self._name = name

    def read(self, body: dict[str, Any]) -> Asked:
        if self._name == MISSING_MODEL:
            raise WrongRequestError(f"The model '{self._name}' does not exist", status=404, param="model")
        return Asked(model="", prompt_tokens=0)

    def whole(self, answer: Answer) -> dict[str, Any]:
        model = _anthropic if self.provider == "anthropic" else _openai
        if self._name:
            return model(self._name)
        rows = [model(name) for name in NAMES]
        if self.provider == "anthropic":
            return {"data": rows, "has_more": False, "first_id": NAMES[0], "last_id": NAMES[-1]}
        return {"object": "list", "data": rows}

    def frames(self, answer: Answer) -> Iterable[Frame]:
        return ()

    def ping(self) -> Frame | None:
        return None

    def failure(self, message: str) -> Frame:
        return Frame(message.encode())


def _openai(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "outlay-stand-in"}


def _anthropic(name: str) -> dict[str, Any]:
    return {"type": "model", "id": name, "display_name": f"Stand-in: {name}", "created_at": CREATED_AT}

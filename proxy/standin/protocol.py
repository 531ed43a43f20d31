"""Protocol: what the wire formats of the stand-in have in common, and the values they speak in.

A format reads a request and renders answers, as one JSON object or as frames of a stream. It sends nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, runtime_checkable

from proxy.model.usage import NO_USAGE, Usage
from proxy.standin.behaviour import Behaviour

MISSING_MODEL: Final = "stand-in-missing"
"""The one model name that does not work: it gets the provider's 404."""
Provider = Literal["openai", "anthropic", "gemini", "bedrock"]

CREATED: Final = 1_767_225_600
"""Every answer's time (2026-01-01 UTC), so that the same request gets the same bytes."""


class WrongRequestError(Exception):
    """A request that the real provider would refuse."""

    def __init__(self, message: str, status: int = 400, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.param = param


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    schema: Mapping[str, Any]
    """JSON schema of its arguments."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, read."""

    model: str
    prompt_tokens: int
    stream: bool = False
    output_tokens_max: int | None = None
    choices: int = 1
    tool: Tool | None = None
    """The tool to answer with."""
    usage_asked: bool = True
    """False: a stream that ends without usage."""
    worded: bool = True
    """False: the answer is no text (vectors, images, audio)."""
    beside: Usage = NO_USAGE
    """What it costs beside its text; or at all, where it is sold by time, characters or pieces."""
    modal: bool = False
    """True: the format tells input by modality, and what searches and tools bring, where behaviour asks for them."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the format itself wants to know when it renders the answer."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of a form, among the fields of its body."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Plain:
    """A whole answer that is no JSON."""

    data: bytes
    content_type: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What is to be said, before it takes a wire format."""

    id: str
    """Made of the request's bytes: the same request, the same id."""
    model: str
    choices: tuple[tuple[str, ...], ...]
    """Pieces of one token each, for each choice: of text, or of a tool call's arguments."""
    tool_name: str
    """'': the pieces are text."""
    name_tokens: int
    limited: bool
    """True: the request's output limit ended it."""
    usage: Usage
    usage_shown: bool
    behaviour: Behaviour
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple("".join(pieces) for pieces in self.choices)


@dataclass(frozen=True, slots=True)
class Frame:
    """One event of a stream."""

    data: bytes
    event: str = ""
    """Name of the event, '' where the protocol has none."""
    tokens: int = 0
    """Visible output tokens that it carries."""
    usage: bool = False
    """True: it reports the whole usage."""
    reasoning: int = 0
    """Hidden output tokens that it is the first to tell of."""


class Format(Protocol):
    """One wire format."""

    provider: Provider
    """Whose errors and headers it has."""
    billed: bool
    """False: what is asked for costs nothing at the real provider."""

    def read(self, body: dict[str, Any]) -> Asked:
        """Raises WrongRequestError."""
        ...

    def whole(self, answer: Answer) -> dict[str, Any] | Plain:
        """The answer as one JSON object, or as other bytes."""
        ...

    def frames(self, answer: Answer) -> Iterable[Frame]:
        """The answer as a stream, one token a frame."""
        ...

    def ping(self) -> Frame | None:
        """An event without meaning, where the protocol has one."""
        ...

    def failure(self, message: str) -> Frame:
        """The error event that ends a stream."""
        ...


@runtime_checkable
class Headed(Protocol):
    """A Format whose answers have headers of their own, beside those that every answer of its provider has."""

    def headers(self, answer: Answer) -> list[tuple[bytes, bytes]]: ...

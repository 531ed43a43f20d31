"""OpenAI's operations that answer at once: which path means which, and who reads and meters each."""

from collections.abc import Callable, Mapping
from typing import Final

from proxy.dialects import (
    openai_chat,
    openai_completions,
    openai_embeddings,
    openai_images,
    openai_responses,
    openai_speech,
    openai_transcripts,
)
from proxy.dialects.dialect import Meter, Operation
from proxy.dialects.meters import EVENT_STREAM, BodyMeter, Listener, SilentMeter, StreamMeter
from proxy.dialects.openai_chat import ChatListener
from proxy.dialects.openai_images import ImagesListener
from proxy.dialects.openai_responses import ResponsesListener
from proxy.dialects.openai_speech import AudioMeter, SpeechListener
from proxy.dialects.openai_transcripts import TranscriptListener
from proxy.model.call import Request

CHAT: Final = Operation("chat", output_limited=True)
RESPONSES: Final = Operation("responses", output_limited=True)
COMPACT: Final = Operation("responses_compact")
"""Sums a conversation up: spends as a response does."""
COUNT: Final = Operation("responses_count", priced=False)
"""Counts the tokens of an input."""
COMPLETIONS: Final = Operation("completions", output_limited=True)
EMBEDDINGS: Final = Operation("embeddings")
MODERATIONS: Final = Operation("moderations", priced=False)
"""Free (OpenAI, moderation guide)."""
IMAGES: Final = Operation("images_generations")
IMAGE_EDITS: Final = Operation("images_edits")
IMAGE_VARIATIONS: Final = Operation("images_variations")
SPEECH: Final = Operation("audio_speech")
TRANSCRIPTIONS: Final = Operation("audio_transcriptions")
TRANSLATIONS: Final = Operation("audio_translations")

POSTED: Final[Mapping[str, Operation]] = {
    "/chat/completions": CHAT,
    "/responses": RESPONSES,
    "/responses/compact": COMPACT,
    "/responses/input_tokens": COUNT,
    "/completions": COMPLETIONS,
    "/embeddings": EMBEDDINGS,
    "/moderations": MODERATIONS,
    "/images/generations": IMAGES,
    "/images/edits": IMAGE_EDITS,
    "/images/variations": IMAGE_VARIATIONS,
    "/audio/speech": SPEECH,
    "/audio/transcriptions": TRANSCRIPTIONS,
    "/audio/translations": TRANSLATIONS,
}
"""By the path beneath the version, of what is posted."""

_READERS: Final[Mapping[str, Callable[[bytes, dict[bytes, bytes]], Request]]] = {
    CHAT.name: openai_chat.read,
    RESPONSES.name: openai_responses.read,
    COMPACT.name: openai_responses.read,
    COUNT.name: openai_responses.read,
    COMPLETIONS.name: openai_completions.read,
    EMBEDDINGS.name: openai_embeddings.read,
    MODERATIONS.name: openai_embeddings.read,
    IMAGES.name: openai_images.read,
    IMAGE_EDITS.name: openai_images.read,
    IMAGE_VARIATIONS.name: openai_images.read,
    SPEECH.name: openai_speech.read,
    TRANSCRIPTIONS.name: openai_transcripts.read,
    TRANSLATIONS.name: openai_transcripts.read,
}
_LISTENERS: Final[Mapping[str, Callable[[], Listener]]] = {
    CHAT.name: ChatListener,
    RESPONSES.name: ResponsesListener,
    COMPACT.name: ResponsesListener,
    COMPLETIONS.name: ChatListener,
    EMBEDDINGS.name: openai_embeddings.listener,
}
_IMAGES: Final = frozenset((IMAGES.name, IMAGE_EDITS.name, IMAGE_VARIATIONS.name))
_TRANSCRIPTS: Final = frozenset((TRANSCRIPTIONS.name, TRANSLATIONS.name))
_JSON: Final = b"application/json"


def read(operation: Operation, body: bytes, headers: dict[bytes, bytes]) -> Request:
    """Raises UnreadableError."""
    return _READERS[operation.name](body, headers)


def streams(operation: Operation, content_type: bytes) -> bool:
    """Events; and audio, which players begin to play while it comes."""
    return content_type.startswith(EVENT_STREAM) or _audio(operation, content_type)


def meter(operation: Operation, request: Request, content_type: bytes, *, hide_usage: bool) -> Meter:
    """Silent for an operation that isn't listed here, or is free."""
    made = _LISTENERS.get(operation.name)
    if made is not None:
        events = content_type.startswith(EVENT_STREAM)
        return StreamMeter(made(), hide_usage=hide_usage) if events else BodyMeter(made())
    if _audio(operation, content_type):
        return AudioMeter(content_type)
    json = content_type.startswith(_JSON)
    listener = _listener(operation.name, request, json=json)
    if listener is None:
        return SilentMeter()
    if content_type.startswith(EVENT_STREAM):
        return StreamMeter(listener, hide_usage=hide_usage)
    return BodyMeter(listener, events=json or operation.name not in _TRANSCRIPTS)


def _audio(operation: Operation, content_type: bytes) -> bool:
    return operation.name == SPEECH.name and not content_type.startswith((EVENT_STREAM, _JSON))


def _listener(name: str, request: Request, *, json: bool) -> Listener | None:
    if name in _IMAGES:
        return ImagesListener(request)
    if name in _TRANSCRIPTS:
        return TranscriptListener(request, json=json)
    return SpeechListener() if name == SPEECH.name else None

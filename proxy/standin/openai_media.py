"""OpenAI's operations beside chat and responses, by path: texts, vectors, images, audio."""

from typing import Final

from starlette.routing import Route

from proxy.standin.exchange import Exchange
from proxy.standin.openai_completions import OpenAICompletions
from proxy.standin.openai_embeddings import OpenAIEmbeddings, OpenAIModerations
from proxy.standin.openai_images import OpenAIImages
from proxy.standin.openai_speech import OpenAISpeech
from proxy.standin.openai_transcripts import OpenAITranscripts
from proxy.standin.protocol import Format
from proxy.standin.tally import Tally

FORMATS: Final[dict[str, Format]] = {
    "completions": OpenAICompletions(),
    "embeddings": OpenAIEmbeddings(),
    "moderations": OpenAIModerations(),
    "images/generations": OpenAIImages("image_generation"),
    "images/edits": OpenAIImages("image_edit"),
    "images/variations": OpenAIImages("image_variation", prompted=False),
    "audio/speech": OpenAISpeech(),
    "audio/transcriptions": OpenAITranscripts(telling=True),
    "audio/translations": OpenAITranscripts(telling=False),
}


def routes(tally: Tally) -> list[Route]:
    return [_route(path, form, tally) for path, form in FORMATS.items()]


def _route(path: str, form: Format, tally: Tally) -> Route:
    exchange = Exchange(path.replace("/", "_"), lambda scope, headers: form, tally)
    return Route(f"/v1/{path}", exchange, methods=["POST"])

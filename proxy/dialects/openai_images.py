"""OpenAI images: generations, edits and variations read (JSON or form), answers and their streams heard.

Newer models sell tokens: OpenAI's guide lists them for the square of 1024 pixels by quality, and other sizes cost in
proportion to their area. Older ones, and most compatible servers, sell whole images by quality and size.
"""

import re
from typing import Any, Final

import msgspec

from proxy.dialects import multipart, origin
from proxy.dialects.dialect import Reading
from proxy.dialects.fields import Fields
from proxy.dialects.multipart import FormReader
from proxy.dialects.openai_usage import media_usage_of
from proxy.dialects.output import Output
from proxy.metering.json_object import NO_JSON, ObjectReader
from proxy.model.call import Request
from proxy.model.usage import NO_USAGE, Served, Usage, total

GOVERNED: Final = ("model", "prompt", "n", "size", "quality", "stream", "partial_images", "input_fidelity", "user")
PICTURES: Final = ("image", "images", "mask")
"""Of a JSON body: what it gives to edit."""

SQUARE_TOKENS: Final = {"low": 272, "medium": 1056, "high": 4160}
"""Output of 1024 x 1024 by quality (OpenAI, image generation guide, "Cost and latency"); other names are taken for
high, which is the most."""
PARTIAL_TOKENS: Final = 100
"""For each partial image of a stream (same guide)."""
PICTURE_TOKENS: Final = 8_000
"""To allow for each image given: base and tiles at low fidelity, and 6,240 more at high (OpenAI, images and vision)."""
TEXT_TOKENS_MAX: Final = 1_000
"""To allow for text that an image model puts out beside an image."""
PIXELS_MAX: Final = 100_000_000

_BODY: Final = ObjectReader((*GOVERNED, *PICTURES))
_FORM: Final = FormReader(GOVERNED, flags=("stream",), numbers=("n", "partial_images"))
_SIZE: Final = re.compile(r"(\d{1,5})x(\d{1,5})")
_BY_TOKEN: Final = ("gpt-image", "chatgpt-image")
_SQUARE: Final = 1024 * 1024
_SIZE_DEFAULT: Final = "1024x1024"
_AUTO_AREA: Final = 1536 * 1024
"""The largest that 'auto' chooses."""


def read(body: bytes, headers: dict[bytes, bytes]) -> Request:
    """Raises UnreadableError."""
    content_type = headers.get(b"content-type", b"")
    if content_type.lower().startswith(multipart.FORM):
        form = _FORM.read(body, content_type)
        digests = tuple(file.member for file in form.files)
        return _request(form.fields, headers, form.text_bytes, len(form.files), digests)
    fields = Fields(_BODY.read(body))
    pictures = [raw for name in PICTURES if (raw := fields.raw(name))]
    count = sum(max(1, raw.count(b'_url"') + raw.count(b'"file_id"')) for raw in pictures)
    text_bytes = len(body) - sum(map(len, pictures))
    return _request(fields, headers, text_bytes, count, fields.content(PICTURES))


def _request(
    fields: Fields, headers: dict[bytes, bytes], text_bytes: int, pictures: int, content: tuple[bytes, ...]
) -> Request:
    model, count = fields.model(), fields.choices()
    by_token = any(name in model.lower() for name in _BY_TOKEN)
    size, quality = fields.text("size"), fields.text("quality")
    tokens = count * (_tokens(size, quality) + PARTIAL_TOKENS * (fields.limit("partial_images") or 0))
    return Request(
        model=model,
        stream=fields.flag("stream"),
        choices=count,
        output_tokens_max=TEXT_TOKENS_MAX if by_token else 0,
        thinking_tokens_max=0,
        input_bytes=text_bytes,
        fixed=NO_USAGE if by_token else Usage(output_images=count),
        guessed=Usage(output_image=tokens, input_image=pictures * PICTURE_TOKENS) if by_token else NO_USAGE,
        variant=variant(quality, size),
        content=(*fields.content(("prompt",)), *content),
        session=origin.session(headers),
        agent=origin.agent(headers),
    )


def _tokens(size: str, quality: str) -> int:
    match = _SIZE.fullmatch(size)
    area = min(int(match[1]) * int(match[2]), PIXELS_MAX) if match else _AUTO_AREA
    return -(-SQUARE_TOKENS.get(quality, SQUARE_TOKENS["high"]) * area // _SQUARE)


def variant(quality: str, size: str) -> str:
    """As price lists write it: 'hd/1024-x-1792'. What isn't said is what OpenAI takes for it."""
    known = _SIZE.fullmatch(size)
    chosen = "" if quality == "auto" else quality
    return origin.bounded(f"{chosen or 'standard'}/{(size if known else _SIZE_DEFAULT).replace('x', '-x-')}")


class _Answer(msgspec.Struct, gc=False):
    """A whole answer, or an event."""

    type: Any = None
    usage: Any = None
    error: Any = None
    size: Any = None
    quality: Any = None
    data: list[msgspec.Raw] | None = None


_answer: Final = msgspec.json.Decoder(_Answer).decode


class ImagesListener:
    """Of one answer to `request`. Images are no text, so none of the output is visible output."""

    def __init__(self, request: Request) -> None:
        self.output = Output()
        self.ended = False
        self._request = request
        self._answer = _Answer()
        self._usages: list[Usage | None] = []
        """One for each image that was completed in a stream, or for the whole answer."""
        self._complete = False
        self._failed = False
        self._images = 0

    def event(self, data: bytes) -> bool:
        answer = self._heard(data)
        kind = answer.type if answer is not None and isinstance(answer.type, str) else ""
        if answer is not None and kind.endswith(".completed"):
            self._note(answer, 1)
            self._complete = self.ended = self._images >= self._request.choices
        elif answer is not None and (answer.error or kind == "error"):
            self._failed = self.ended = True
        return False

    def body(self, data: bytes) -> None:
        answer = self._heard(data)
        if answer is not None:
            self._complete, self._failed = True, bool(answer.error)
            self._note(answer, len(answer.data or ()))

    def _heard(self, data: bytes) -> _Answer | None:
        try:
            return _answer(data)
        except NO_JSON:
            return None

    def _note(self, answer: _Answer, images: int) -> None:
        self._answer = answer
        self._images += images
        self._usages.append(media_usage_of(answer.usage, "output_image"))

    def reading(self) -> Reading:
        usage = self._usage()
        return Reading(
            usage=usage,
            final=usage is not None,
            served=Served(variant=self._variant()),
            complete=self._complete,
            failed=self._failed,
            output_bytes=0,
        )

    def _usage(self) -> Usage | None:
        """As reported; of what is sold by the piece, the images that came."""
        told = [usage for usage in self._usages if usage is not None]
        if told and self._complete and len(told) == len(self._usages):
            return total(told)
        if self._complete and self._request.fixed.output_images and self._images:
            return Usage(output_images=self._images)
        return None

    def _variant(self) -> str:
        size, quality = self._answer.size, self._answer.quality
        if isinstance(size, str) and isinstance(quality, str) and _SIZE.fullmatch(size):
            return variant(quality, size)
        return self._request.variant

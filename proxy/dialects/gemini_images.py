"""Gemini's predict for Imagen: images by the piece, requests read and answers heard."""

from typing import Any, Final

import msgspec
from msgspec import Raw

from proxy.dialects import origin
from proxy.dialects.fields import CHOICES_MAX, Fields
from proxy.dialects.proto_json import MessageReader
from proxy.dialects.whole_answer import WholeListener
from proxy.metering.json_object import NO_JSON, UnreadableError
from proxy.model.call import Request
from proxy.model.usage import Usage

CONTENT: Final = ("instances",)
IMAGES_DEFAULT: Final = 4
"""Images for each prompt where the call doesn't say (ai.google.dev, "Generate images using Imagen": the most)."""

_BODY: Final = MessageReader((*CONTENT, "parameters"))
_PARAMETERS: Final = MessageReader(("sampleCount",))
_instances: Final = msgspec.json.Decoder(list[Raw]).decode


def read(body: bytes, headers: dict[bytes, bytes], model: str) -> Request:
    """`model`: by the path. Raises UnreadableError."""
    fields = Fields(_BODY.read(body))
    parameters = fields.nested("parameters", _PARAMETERS)
    each = (parameters.limit("sampleCount") if parameters else None) or IMAGES_DEFAULT
    images = each * _prompts(fields.raw("instances"))
    if images > CHOICES_MAX:
        raise UnreadableError(f"The call asks for more than {CHOICES_MAX} images.")
    return Request(
        model=model,
        input_bytes=len(body),
        fixed=Usage(output_images=images),
        content=fields.content(CONTENT),
        session=origin.session(headers),
        agent=origin.agent(headers),
    )


def _prompts(instances: bytes) -> int:
    try:
        return max(1, len(_instances(instances)))
    except NO_JSON:
        return 1


class _Prediction(msgspec.Struct, rename="camel", gc=False):
    bytes_base64_encoded: Raw = msgspec.field(default=Raw(), name="bytesBase64Encoded")
    gcs_uri: Any = None


class _Answer(msgspec.Struct, gc=False):
    predictions: list[_Prediction] | None = None
    error: Any = None


_answer: Final = msgspec.json.Decoder(_Answer).decode


def listener() -> WholeListener[_Answer]:
    """Of one answer: the images in it are what was sold, those that a filter kept back are not."""
    return WholeListener(_answer, _usage)


def _usage(answer: _Answer) -> Usage | None:
    if answer.predictions is None:
        return None
    made = (bool(memoryview(each.bytes_base64_encoded)) or bool(each.gcs_uri) for each in answer.predictions)
    return Usage(output_images=sum(made))

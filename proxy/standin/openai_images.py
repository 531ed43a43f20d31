"""OpenAI images: requests read, answers rendered. Every image is one grey point."""

import struct
import zlib
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from proxy.model.usage import Usage
from proxy.standin import forms, tokens
from proxy.standin.fields import text_of
from proxy.standin.openai_completions import failure
from proxy.standin.protocol import CREATED, Answer, Asked, Frame, Provider, WrongRequestError

OUTPUT_TOKENS: Final[Mapping[str, int]] = {"low": 272, "medium": 1056, "high": 4160}
"""Of one image by its quality, whatever its size."""
INPUT_TOKENS: Final = 323
"""Of one image given."""
IMAGES_MAX: Final = 10


class OpenAIImages:
    """POST /v1/images/generations, /edits, /variations."""

    provider: Provider = "openai"
    billed = True

    def __init__(self, event: str, *, prompted: bool = True) -> None:
        """`event`: what its events are named by. `prompted`: False where no prompt is needed."""
        self._event = event
        self._prompted = prompted

    def read(self, body: dict[str, Any]) -> Asked:
        prompt = text_of(body, "prompt") if self._prompted else ""
        model = str(body.get("model") or "dall-e-2")
        by_token = "gpt-image" in model
        count, stream = _number(body, "n", 1), str(body.get("stream", "")).lower() == "true"
        if stream and count > 1:
            raise WrongRequestError("the stand-in streams one image", param="n")
        quality = str(body.get("quality") or "high")
        given = forms.files(body.get("image")) + forms.files(body.get("mask"))
        pictures = len(given) or len(body.get("images") or ())
        beside = Usage(
            input_image=pictures * INPUT_TOKENS, output_image=count * OUTPUT_TOKENS.get(quality, OUTPUT_TOKENS["high"])
        )
        return Asked(
            model=model,
            prompt_tokens=tokens.of_text(prompt) if by_token else 0,
            stream=stream,
            worded=False,
            beside=beside if by_token else Usage(output_images=count),
            facts={
                "count": count,
                "partial": _number(body, "partial_images", 0) if stream else 0,
                "by_token": by_token,
                "linked": not by_token and body.get("response_format") != "b64_json",
                "size": str(body.get("size") or "1024x1024"),
                "quality": quality,
            },
        )

    def whole(self, answer: Answer) -> dict[str, Any]:
        if answer.facts["linked"]:
            data = [{"url": f"https://stand-in.invalid/{answer.id}/{n}.png"} for n in range(answer.facts["count"])]
        else:
            data = [{"b64_json": _image(n)} for n in range(answer.facts["count"])]
        return {"created": CREATED, "data": data, **_about(answer), **_usage(answer)}

    def frames(self, answer: Answer) -> Iterable[Frame]:
        for index in range(answer.facts["partial"]):
            yield self._frame(answer, "partial_image", {"partial_image_index": index})
        yield self._frame(answer, "completed", _usage(answer), usage=True)

    def _frame(self, answer: Answer, kind: str, more: Mapping[str, Any], *, usage: bool = False) -> Frame:
        name = f"{self._event}.{kind}"
        event = {"type": name, "b64_json": _image(0), "created_at": CREATED, **_about(answer), **more}
        return Frame(msgspec.json.encode(event), event=name, usage=usage)

    def ping(self) -> Frame | None:
        return None

    def failure(self, message: str) -> Frame:
        return failure(message)


def _number(body: Mapping[str, Any], name: str, default: int) -> int:
    """A whole number, which forms have as a text."""
    value = body.get(name)
    if value is None:
        return default
    if not str(value).isdecimal() or not 0 <= int(value) <= IMAGES_MAX:
        raise WrongRequestError(f"{name} must be a whole number of at most {IMAGES_MAX}", param=name)
    return int(value)


def _about(answer: Answer) -> dict[str, Any]:
    if not answer.facts["by_token"]:
        return {}
    size, quality = answer.facts["size"], answer.facts["quality"]
    return {"background": "opaque", "output_format": "png", "size": size, "quality": quality}


def _usage(answer: Answer) -> dict[str, Any]:
    if not answer.facts["by_token"] or not answer.usage_shown:
        return {}
    usage = answer.usage
    return {
        "usage": {
            "input_tokens": usage.input_tokens,
            "input_tokens_details": {"text_tokens": usage.input_text, "image_tokens": usage.input_image},
            "output_tokens": usage.output_tokens,
            "total_tokens": usage.input_tokens + usage.output_tokens,
        }
    }


def _image(shade: int) -> str:
    """A PNG of one point (PNG specification, third edition)."""
    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(bytes((0, shade)))), (b"IEND", b""))
    return b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)).decode()


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

"""Answers to translated calls that need no translation: errors, in OpenAI's shape; and the headers of those that do."""

from collections.abc import AsyncIterator
from typing import Final

import msgspec

from proxy.adapters.translation_errors import in_openai_shape
from proxy.adapters.translation_frames import Head, Kind
from proxy.adapters.translation_process import Session
from proxy.metering.content import UnreadableContentError, answer_decoder
from proxy.ports.upstream import Fault, RawHeaders, UpstreamAnswer, UpstreamError

JSON: Final = b"application/json"
ERROR_BYTES_MAX: Final = 64 * 1024
"""Of a provider's error answer; what is longer is told without its words."""
_NOT_ANSWERED: Final = frozenset(
    b"content-length content-encoding content-type transfer-encoding set-cookie etag vary".split()
)
"""Headers that describe the provider's own bytes."""


class WholeAnswer:
    """An UpstreamAnswer that is there already: an error, told in OpenAI's shape. It costs nothing."""

    def __init__(self, status: int, headers: RawHeaders, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self.body

    async def close(self) -> None:
        return


def own(status: int, message: str, *headers: tuple[bytes, bytes]) -> WholeAnswer:
    """An error of outlay's own. A client that may repeat the call is not told otherwise."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    body = msgspec.json.encode({"error": {"message": message, "type": kind, "param": None, "code": "translation"}})
    again = [] if status >= 500 else [(b"x-should-retry", b"false")]
    return WholeAnswer(status, [(b"content-type", JSON), *again, *headers], body)


async def refused(session: Session, data: bytes, within_s: float) -> WholeAnswer:
    """What the translation says of a request that it can't put into the provider's dialect."""
    head = msgspec.msgpack.decode(data, type=Head)
    pieces: list[bytes] = []
    with session:
        try:
            while (said := await session.hear(within_s))[0] is Kind.DATA:
                pieces.append(said[1])
        except (EOFError, OSError, ValueError) as error:
            raise UpstreamError(Fault.TRANSLATION, f"translation failed: {type(error).__name__}") from None
    lines = [(b"content-type", head.content_type), (b"x-should-retry", b"false")]
    return WholeAnswer(head.status, lines, b"".join(pieces))


async def provider_error(answer: UpstreamAnswer, headers: dict[bytes, bytes], session: Session) -> WholeAnswer:
    """A provider's error with its status, its headers and its words, in OpenAI's shape."""
    session.close()
    decoder = answer_decoder(headers.get(b"content-encoding", b""))
    text = b""
    try:
        async for chunk in answer.chunks():
            if decoder is not None and len(text) <= ERROR_BYTES_MAX:
                text += b"".join(decoder.feed(chunk))
    except UnreadableContentError:
        text = b""
    await answer.close()
    body = in_openai_shape(answer.status, text if len(text) <= ERROR_BYTES_MAX else b"")
    return WholeAnswer(answer.status, answer_lines(answer.headers, JSON), body)


def answer_lines(lines: RawHeaders, content_type: bytes) -> list[tuple[bytes, bytes]]:
    """The provider's headers (rate limits, retry-after, its id of the request) around another body."""
    kept = [line for line in lines if line[0].lower() not in _NOT_ANSWERED]
    request_id = next((value for name, value in kept if name.lower() == b"request-id"), None)
    if request_id is not None:
        kept.append((b"x-request-id", request_id))  # where OpenAI's SDKs look for it
    return [(b"content-type", content_type), *kept]

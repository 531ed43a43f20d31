"""A made-up head: what a parser is told that begins within a request, so that it reads the body."""

from collections.abc import Iterable
from typing import Any, Final

import httptools

_FRAMING: Final = frozenset((b"content-length", b"transfer-encoding"))


def begin_behind(protocol: Any, lines: Iterable[tuple[bytes, bytes]]) -> None:
    """Give the protocol a parser for what comes behind a head with these lines."""
    framing = [b"%b: %b\r\n" % line for line in lines if line[0] in _FRAMING]
    parser = protocol.parser = httptools.HttpRequestParser(_MadeUp(protocol))
    parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
    parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n" % b"".join(framing))


class _MadeUp:
    """What a parser tells that was given a made-up head: not of that head, but of all behind it."""

    def __init__(self, protocol: Any) -> None:
        self._protocol: Any = None
        self._real = protocol
        self.on_body = protocol.on_body
        self.on_message_complete = protocol.on_message_complete

    def on_message_begin(self) -> None:
        if self._protocol is not None:
            self._protocol.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if self._protocol is not None:
            self._protocol.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._protocol is not None:
            self._protocol.on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._protocol is not None:
            self._protocol.on_headers_complete()
        self._protocol = self._real

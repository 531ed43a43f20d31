"""Turned down: what a connection is told that is closed before anybody knows its dialect."""

from typing import Final

TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
TOO_SLOW: Final = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_OVERLOADED: Final = (
    b'{"type":"error","error":{"type":"overloaded_error","code":"overloaded","status":"UNAVAILABLE",'
    b'"message":"outlay has as many %b. Try again shortly."}}'
)
"""To a connection whose dialect nobody waits to hear: it can be read in those of OpenAI, Anthropic and Gemini."""


def _overloaded(what: bytes) -> bytes:
    body = _OVERLOADED % what
    head = (
        b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
        b"retry-after: 1\r\nconnection: close\r\n\r\n"
    )
    return head % len(body) + body


OVERRUN: Final = _overloaded(b"connections as it takes (OUTLAY_CONNECTIONS_MAX)")
TOO_MANY_HEADS: Final = _overloaded(b"bytes of headers on their way in as it takes")

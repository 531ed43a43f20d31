"""The door of pages: a browser asks for a key by its own prompt, and what goes wrong is told as a page.

Pages are read with HTTP's Basic authentication (RFC 7617): the password is an outlay key, the name is not looked at. It
is taken here alone, and here nothing can be changed: a browser sends it along by itself, so another site's page could
ask in its holder's name, and would neither see the answer nor do anything.
"""

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from proxy.web.control_auth import InvalidKeyError
from proxy.web.control_errors import HANDLED, told
from proxy.web.markup import html_answer, page, tag

CHALLENGE: Final = {"www-authenticate": 'Basic realm="outlay: an outlay key as password", charset="UTF-8"'}
_TITLES: Final = {401: "A key is needed", 403: "Not for this key", 404: "Nothing is here", 503: "Too busy just now"}

Endpoint = Callable[[Request], Awaitable[Response]]


def as_page(endpoint: Endpoint) -> Endpoint:
    """The endpoint for browsers."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(signed_in(request))
        except HANDLED as raised:
            return _sorry(raised)

    return answer


def signed_in(request: Request) -> Request:
    """The same request with the prompt's password as its key."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return request
    try:
        key = base64.b64decode(given.strip(), validate=True).partition(b":")[2].strip()
    except binascii.Error:
        key = b""
    headers = [(name, value) for name, value in request.scope["headers"] if name != b"authorization"]
    return Request({**request.scope, "headers": [*headers, (b"authorization", b"Bearer " + key)]}, request.receive)


def _sorry(raised: Exception) -> Response:
    status, message, headers = told(raised)
    if isinstance(raised, InvalidKeyError):
        headers = CHALLENGE
        message = f"{message} The browser asks for it: any name, and the key as password."
    answer = html_answer(page(_TITLES.get(status, "This can't be shown"), tag("p", message)), status)
    answer.headers.update(headers)
    return answer

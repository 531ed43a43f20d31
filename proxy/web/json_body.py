"""A small JSON body of a request, read within a bound into the shape that is asked for."""

from typing import Final, TypeVar

import msgspec
from starlette.requests import Request

from proxy.ledger.selection import ParameterError

BODY_BYTES_MAX: Final = 16 * 1024

T = TypeVar("T")


async def json_body(request: Request, shape: type[T]) -> T:
    """An empty body is an empty object. Raises ParameterError."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise ParameterError("body", f"it has more than {BODY_BYTES_MAX} bytes")
    try:
        return msgspec.json.decode(body or b"{}", type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ParameterError("body", f"not the JSON that is asked for: {error}"[:200]) from None

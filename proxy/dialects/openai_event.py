"""Error events of OpenAI's websocket protocols, and reading a client's event without being read otherwise elsewhere."""

from typing import Any, Final

import msgspec

from proxy.dialects.fields import Fields
from proxy.metering.json_object import NO_JSON, ObjectReader

CREATE: Final = "response.create"


def client_event(reader: ObjectReader, message: bytes) -> tuple[str, Fields]:
    """Type and governed members of a client's event. Raises UnreadableError, also where the type stands twice."""
    fields = Fields(reader.read(message))
    return fields.text("type"), fields


def error_of(body: bytes) -> dict[str, Any]:
    """The error object out of a refusal's HTTP body ({"error": {…}})."""
    try:
        error = msgspec.json.decode(body).get("error")
    except (*NO_JSON, AttributeError):
        error = None
    return error if isinstance(error, dict) else {"message": body.decode("utf-8", "replace"), "code": None}

"""Messages of protocol buffers as JSON, the way Google's APIs read them: each key in lowerCamelCase or as in the
definition, in snake_case (protobuf.dev, "ProtoJSON Format")."""

import re
from collections.abc import Iterable
from typing import Final

from msgspec import Raw

from proxy.metering.json_object import ObjectReader

_CAPITAL: Final = re.compile(r"(?<!^)([A-Z])")


class MessageReader(ObjectReader):
    """Reads objects in which a governed key may stand once only, in one spelling or another."""

    def __init__(self, governed: Iterable[str]) -> None:
        """`governed`: in lowerCamelCase."""
        names = tuple(governed)
        self._camel = {snake(name): name for name in names}
        super().__init__((*names, *self._camel), spelled=_spelled, exact=False)

    def read(self, body: bytes) -> dict[str, Raw]:
        """As of an ObjectReader, the keys in lowerCamelCase."""
        return {self._camel.get(key, key): raw for key, raw in super().read(body).items()}


def snake(name: str) -> str:
    return _CAPITAL.sub(r"_\1", name).lower()


def _spelled(key: str) -> str:
    return key.replace("_", "").casefold()

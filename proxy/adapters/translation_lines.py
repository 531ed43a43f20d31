"""LineEnds: a provider's JSON, safe for readers that take more than line feeds for the ends of lines.

httpx's `aiter_lines`, with which litellm reads streams, breaks lines at U+0085, U+2028 and U+2029, which may stand in a
JSON string as they are: the event would be lost. Escaped, they mean the same.
"""

import re
from typing import Final

_BREAKS: Final = re.compile(rb"\xc2\x85|\xe2\x80[\xa8\xa9]")
_BEGUN: Final = re.compile(rb"(?:\xc2|\xe2\x80?)\Z")
_ESCAPED: Final = {b"\xc2\x85": b"\\u0085", b"\xe2\x80\xa8": b"\\u2028", b"\xe2\x80\xa9": b"\\u2029"}


class LineEnds:
    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """The next bytes of UTF-8 text; what may be the beginning of such a character waits for the rest."""
        data = self._held + data
        begun = _BEGUN.search(data)
        self._held = begun[0] if begun else b""
        if begun:
            data = data[: begun.start()]
        return _BREAKS.sub(lambda found: _ESCAPED[found[0]], data)

    def finish(self) -> bytes:
        held, self._held = self._held, b""
        return held

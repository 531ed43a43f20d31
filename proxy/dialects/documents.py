"""Documents: tokens to allow for PDF files that stand in a call, where their pages come to more than their bytes.

Estimated: providers read the text of a page and a picture of it, 1,500 to 3,000 tokens by what Anthropic documents, and
at most 100 pages by their limits for common models. Pages are counted where they stand in the open; packed away, as
newer writers do, nobody knows how many there are.
"""

import re
from binascii import Error, a2b_base64
from typing import Final

PAGE_TOKENS: Final = 3_000
PAGES_MAX: Final = 100
"""Of one file whose pages don't show, or that says it has more."""
FILES_MAX: Final = 20
"""Of one call that are looked into; Bedrock takes 5, others bound their pages together."""

_FILE: Final = re.compile(rb"JVBERi[A-Za-z0-9+/\\]+={0,2}")
"""'%PDF-' in base64, as it stands in JSON."""
_BEGIN: Final = b"JVBERi"
_FIRST_MAX: Final = 100
"""First letters of it that are looked at one by one: 70 KB without any take a twentieth of what a search takes."""
_search: Final = re.compile(_BEGIN).search
"""A third of the price of `in`."""
_PAGE: Final = re.compile(rb"/Type\s*/Page\b")
_COUNT: Final = re.compile(rb"/Count\s+(\d{1,9})\b")


def page_tokens(content: bytes) -> int:
    """Tokens to hold for PDF files in the content beside the bytes they have there."""
    if not _has_file(content):
        return 0
    found = [match.group() for _, match in zip(range(FILES_MAX), _FILE.finditer(content), strict=False)]
    return sum(max(0, _pages(data) * PAGE_TOKENS - len(data)) for data in found)


def _has_file(content: bytes) -> bool:
    at = content.find(b"J")
    for _ in range(_FIRST_MAX):
        if at < 0 or content.startswith(_BEGIN, at):
            return at >= 0
        at = content.find(b"J", at + 1)
    return _search(content, at) is not None if at >= 0 else False


def _pages(data: bytes) -> int:
    try:
        file = a2b_base64(data.replace(b"\\", b"").rstrip(b"=") + b"==")
    except Error:
        return PAGES_MAX
    shown = max(len(_PAGE.findall(file)), max((int(count) for count in _COUNT.findall(file)), default=0))
    return min(shown or PAGES_MAX, PAGES_MAX)

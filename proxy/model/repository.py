"""Repository: one spelling for the many ways in which a repository is named."""

import re
from typing import Final

CHARS_MAX: Final = 200

_SCHEME: Final = re.compile(r"^(https?|ssh|git|git\+ssh|git\+https)://")
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?")
_PART: Final = re.compile(r"[\w.~+-]+")


def repository(text: str) -> str:
    """'host/owner/name', lower case, without scheme, user, port and '.git'; '' where it is no such name.

    Reads URLs ('https://github.com/Acme/Checkout.git'), what ssh is given ('git@github.com:acme/checkout.git'), and
    the name itself. Deeper groups stay ('gitlab.com/acme/backend/checkout').
    """
    text = text.strip().lower()
    bare, schemes = _SCHEME.subn("", text)
    if len(text) > CHARS_MAX or "://" in bare:
        return ""
    host, slash, path = bare.partition("/")
    host = host.rpartition("@")[2]
    if not schemes and ":" in host:
        host, _, first = host.partition(":")
        path = first + slash + path
    path = path.strip("/").removesuffix(".git")
    parts = path.split("/")
    if not _HOST.fullmatch(host) or len(parts) < 2 or not all(_is_part(part) for part in parts):
        return ""
    return "/".join([host.partition(":")[0], *parts])


def _is_part(part: str) -> bool:
    return part not in (".", "..") and _PART.fullmatch(part) is not None

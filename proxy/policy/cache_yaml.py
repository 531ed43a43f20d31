"""redundancy.yaml, `cache`: which answers are kept for `serve`, how long, and who may be served them."""

import re
from dataclasses import replace
from typing import Final

from proxy.policy.mistakes import shown
from proxy.policy.redundancy_rules import CACHE_SCOPES, CacheSettings
from proxy.policy.section import Section

CACHE: Final = {
    "ttl": "cache: {ttl: 1h}",
    "size_max": "cache: {size_max: 64MB}",
    "answer_size_max": "cache: {answer_size_max: 1MB}",
    "scope": "cache: {scope: project}",
}
SIZE_PATTERN: Final = r"\d{1,12}(kB|MB|GB|KiB|MiB|GiB)"
SIZE_MIN: Final = 1000
SIZE_MAX: Final = 4 * 10**9

_SIZE: Final = re.compile(r"(\d{1,12})(kB|MB|GB|KiB|MiB|GiB)", re.ASCII)
_UNIT: Final = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def read_cache(top: Section, *, serves: bool) -> CacheSettings:
    """`serves`: some rule serves, so there is something to keep."""
    section = top.section("cache", CACHE, "the cache")
    default = CacheSettings()
    if section is None:
        return default
    if not serves:
        top.mistakes.warn(section.table, "no rule has action: serve, so no answer is kept")
    found = CacheSettings(
        ttl_s=section.seconds("ttl", default.ttl_s),
        bytes_max=_size(section, "size_max", default.bytes_max),
        answer_bytes_max=_size(section, "answer_size_max", default.answer_bytes_max),
        scope=section.choice("scope", CACHE_SCOPES, default.scope),
        where=section.mistakes.where(section.table),
    )
    if section.node("answer_size_max") is None:
        return replace(found, answer_bytes_max=min(found.answer_bytes_max, found.bytes_max))
    if found.answer_bytes_max > found.bytes_max:
        section.wrong("answer_size_max", "is more than size_max: no answer of that size would be kept")
    return found


def size(text: str) -> int:
    """Bytes of '64MB', '512KiB'; 0 where it is no such size."""
    found = _SIZE.fullmatch(text)
    return int(found[1]) * _UNIT[found[2]] if found else 0


def _size(section: Section, name: str, default: int) -> int:
    text = section.text(name)
    found = size(text)
    if not text or SIZE_MIN <= found <= SIZE_MAX:
        return found or default
    section.wrong(
        name, f"can't be {shown(text)}: a size has its unit behind it (kB, MB, GB, KiB, MiB, GiB), 1kB to 4GB"
    )
    return default

"""Moments: the many ways in which sources write a time, as microseconds since the epoch, UTC."""

import re
from datetime import UTC, datetime
from typing import Any, Final

SECONDS_MAX: Final = 10**11
"""Numbers above it are milliseconds."""
_ZONED: Final = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(\.\d+)? ?(Z|UTC|[+-]\d\d:?\d\d)")


def moment_us(value: Any) -> int:
    """Of '2026-11-21T10:00:00Z', '2026-11-21 10:00:00 +0200', '… UTC', or seconds since the epoch. 0: no time."""
    if isinstance(value, bool):
        return 0
    if isinstance(value, int | float):
        return _of_number(value)
    found = _ZONED.fullmatch(value.strip()) if isinstance(value, str) and len(value) <= 50 else None
    if found is None:
        return 0
    day, time, fraction, zone = found.groups()
    digits = f"{(fraction or '.')[1:7]:0<6}"
    zone = "+00:00" if zone in ("Z", "UTC") else zone
    try:
        whole = datetime.fromisoformat(f"{day}T{time}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        return 0
    return max(0, round(whole.timestamp()) * 1_000_000 + int(digits))


def _of_number(value: float) -> int:
    if not 0 < value < SECONDS_MAX * 1000:
        return 0
    return int(value * (1_000_000 if value < SECONDS_MAX else 1_000))

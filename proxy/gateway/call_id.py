"""Call ids: unique, and sortable by time."""

PREFIX = "call_"
RANDOM_BYTES = 10


def call_id(now_us: int, random: bytes) -> str:
    """'call_' and 32 hexadecimal digits: 48 bits of milliseconds, then 80 random bits (`RANDOM_BYTES` of them)."""
    return f"{PREFIX}{now_us // 1000:012x}{random.hex()}"

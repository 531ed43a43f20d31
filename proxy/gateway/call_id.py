"""Call ids: unique, and sortable by time."""

PREFIX = "call_"
RANDOM_BYTES = 10


def call_id(now_us: int, random: bytes) -> str:
    """'call_' and 32 hexadecimal digits: 48 bits of milliseconds, then 80 random bits (`RANDOM_BYTES` of them)."""
    return f"{PREFIX}{now_us // 1000:012x}{random.hex()}"


def opened_us(id_: str) -> int:
    """When the call was admitted, to the millisecond; 0: it is no id of ours."""
    try:
        return int(id_[len(PREFIX) : len(PREFIX) + 12], 16) * 1000
    except ValueError:
        return 0

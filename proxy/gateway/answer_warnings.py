"""Answer warnings: what a caller is told beside an answer that came all the same, in `x-outlay-warning`."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from proxy.dialects.dialect import MAX_TOKENS
from proxy.gateway.admission import Admitted
from proxy.gateway.redundant import warning as repeated
from proxy.gateway.rules import Rules
from proxy.gateway.watching import Watching

HEADER: Final = b"x-outlay-warning"
BYTES_MAX: Final = 500
"""Some clients and proxies take headers of 4 KiB together."""
EXPIRES_SOON: Final = timedelta(days=7)
_MORE: Final = b", more in outlay's reports"


def warnings_of(admitted: Admitted, watching: Watching | None = None) -> bytes:
    """The header's value, b'' for none: budgets first, as those are what can stop the next call."""
    said = [admitted.warning] if admitted.warning else []
    if admitted.verdict.redundancy and watching is not None:
        said += filter(None, [repeated(watching.outcome(admitted.call, admitted.seen, admitted.verdict.redundancy))])
    said += _of_call(admitted)
    expiring = key_expiring(admitted.rules, admitted.call.key_id, admitted.call.opened_us)
    return as_header([*said, expiring] if expiring else said)


def key_expiring(rules: Rules, key_id: str, at_us: int) -> str:
    """That the key soon opens nothing any more; '' where it stays or has no end."""
    expires = rules.expires(key_id)
    if expires is None or expires - datetime.fromtimestamp(at_us / 1e6, UTC) > EXPIRES_SOON:
        return ""
    return f"key {key_id} expires {expires.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def as_header(said: list[str]) -> bytes:
    """One line that any client takes: printable ASCII, within its limit. Names of models are the caller's own."""
    if not said:
        return b""
    line = ", ".join(said).encode("ascii", "replace")
    line = bytes(byte if 32 <= byte < 127 else 63 for byte in line)
    return line if len(line) <= BYTES_MAX else line[: BYTES_MAX - len(_MORE)] + _MORE


def _of_call(admitted: Admitted) -> Iterator[str]:
    verdict, model = admitted.verdict, admitted.model
    if verdict.downgrade_to:
        by = f"the budget {verdict.downgraded_by}" if verdict.downgraded_by else "a rule"
        yield f"model {model} by {by}, not the one asked for"
    if MAX_TOKENS in admitted.edits and admitted.request.output_tokens_max is not None:
        yield f"output limited to {admitted.request.output_tokens_max} tokens"
    if admitted.operation.priced and not verdict.weight.priced:
        yield f"model {model} has no price and counts at the ceiling"

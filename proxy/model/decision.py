"""Refusal: the answer to a call that is not forwarded, and why it isn't."""

from dataclasses import dataclass, field
from enum import StrEnum

from proxy.model.allowance import Allowance
from proxy.model.squeeze import Squeeze


class Reason(StrEnum):
    """Why a call is not forwarded or not answered. Dialects render each in their own error type."""

    BAD_REQUEST = "bad_request"
    UNKNOWN_PATH = "unknown_path"
    WEBSOCKET = "websocket_unsupported"
    BODY_TOO_LARGE = "body_too_large"
    INVALID_KEY = "invalid_key"
    PROJECT_FORBIDDEN = "project_forbidden"
    POLICY = "refused_by_policy"
    UNPRICED = "model_without_price"
    MODEL_HIDDEN = "model_not_found"
    """A model that rules keep from the caller was asked about."""
    RATE_LIMITED = "rate_limited"
    PROVIDER_UNCONFIGURED = "provider_unconfigured"
    PROVIDER_UNREACHABLE = "provider_unreachable"
    PROVIDER_TIMEOUT = "provider_timeout"
    OVERLOADED = "overloaded"
    BALANCE_UNKNOWN = "balance_unknown"
    """A budget applies of which nobody can say yet what was spent: refused rather than let past it."""
    UNMETERABLE = "metering_unavailable"
    """The journal can't be written: refused rather than forwarded unmetered."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer of outlay's own. `status` is the HTTP status, `message` a sentence for people."""

    status: int
    reason: Reason
    message: str
    retry_after_s: int | None = None
    retryable: bool = False
    """False adds `x-should-retry: false`, so that a refusal starts no retry storm."""
    rule: str = ""
    """'file:line' of the rule that refused, where one did."""
    retry_after_ms: int | None = None
    """`retry_after_s` before it was rounded up, where it is known so well."""
    allowances: tuple[Allowance, ...] = ()
    """What the rate limits that apply to the call leave."""
    squeeze: Squeeze | None = field(default=None, compare=False)
    """Of a budget that had no room, for the record."""

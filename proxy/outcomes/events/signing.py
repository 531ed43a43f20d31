"""Signing: whether a delivery comes from one who knows the secret. On raw bytes, before anything is parsed.

Comparisons take as long for a wrong signature as for a right one, and every secret of a source is tried, so that how
long an answer takes says nothing of what would have been right.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from proxy.model.told import Trust

Headers = Mapping[str, str]
"""By name in lower case."""

WINDOW_US: Final = 300_000_000
"""A delivery that says when it was sent is taken so long before and after: 5 minutes, as Standard Webhooks says."""
SIGNATURES_MAX: Final = 8
"""In one header: senders that are changing their secret send one for each."""
HEADER_CHARS_MAX: Final = 4096
SIGNATURE: Final = "x-outlay-signature"
_SECOND_US: Final = 1_000_000
_STANDARD: Final = "whsec_"


@dataclass(frozen=True, slots=True)
class Verified:
    trust: Trust
    delivery: str = ""
    """The source's id of it, where the signature covers that; '' where the body has to say."""


@dataclass(frozen=True, slots=True)
class Unverified:
    """Nothing of the delivery may be believed."""

    why: str
    """For the sender: what is missing or wrong, and what to do. Nothing of any secret."""


def sign(secret: str, body: bytes, at_us: int) -> str:
    """Value of the header X-Outlay-Signature: when it was sent, and HMAC-SHA256 of 'SECONDS.BODY' in hex."""
    sent = at_us // _SECOND_US
    return f"t={sent},v1={_hex(secret.encode(), b'%d.' % sent + body)}"


def verified_by_outlay(
    body: bytes, headers: Headers, secrets: Sequence[str], now_us: int, trust: Trust
) -> Verified | Unverified:
    """By the header that `sign` writes."""
    given = headers.get(SIGNATURE, "")[:HEADER_CHARS_MAX]
    pairs = [part.strip().partition("=") for part in given.split(",")]
    sent = next((value for name, _, value in pairs if name == "t"), "")
    signatures = [value for name, _, value in pairs if name == "v1"]
    if not _is_seconds(sent) or not signatures:
        return Unverified("it has no header X-Outlay-Signature: t=SECONDS,v1=HEX (HMAC-SHA256 of 'SECONDS.BODY')")
    signed = b"%d." % int(sent) + body
    if not _matches(signatures, [_hex(secret.encode(), signed) for secret in secrets]):
        return Unverified("its X-Outlay-Signature is of another secret or another body")
    return _in_time(sent, now_us) or Verified(trust)


def verified_by_standard(body: bytes, headers: Headers, secrets: Sequence[str], now_us: int) -> Verified | Unverified:
    """By Standard Webhooks (https://www.standardwebhooks.com): webhook-id, webhook-timestamp, webhook-signature."""
    delivery, sent = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "")[:HEADER_CHARS_MAX].split()
    signatures = [each.partition(",")[2] for each in given if each.startswith("v1,")]
    if not delivery or len(delivery) > HEADER_CHARS_MAX or not _is_seconds(sent) or not signatures:
        return Unverified("its webhook-id, webhook-timestamp and webhook-signature (v1,BASE64) are not all there")
    signed = b"%s.%d." % (delivery.encode(errors="replace"), int(sent)) + body
    keys = [key for secret in secrets if (key := _key(secret)) is not None]
    wanted = [base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys]
    if not _matches(signatures, wanted):
        return Unverified("its webhook-signature is of another signing token or another body")
    return _in_time(sent, now_us) or Verified(Trust.SIGNED, delivery)


def verified_by_hub(body: bytes, headers: Headers, secrets: Sequence[str]) -> Verified | Unverified:
    """By X-Hub-Signature-256, as GitHub and those that follow it send it. It covers the body alone."""
    given = headers.get("x-hub-signature-256", "")[:HEADER_CHARS_MAX]
    if not given.startswith("sha256="):
        if "x-hub-signature" in headers:
            return Unverified("it is signed with SHA-1 alone; X-Hub-Signature-256 is needed")
        return Unverified("it has no header X-Hub-Signature-256: give the webhook a secret")
    if not _matches([given.removeprefix("sha256=")], [_hex(secret.encode(), body) for secret in secrets]):
        return Unverified("its X-Hub-Signature-256 is of another secret or another body")
    return Verified(Trust.SIGNED)


def has_token(given: str, secrets: Sequence[str]) -> bool:
    """Whether the token itself was sent. None is never one."""
    # Of digests, so that not even the length of a secret shows.
    wanted = [hashlib.sha256(secret.encode()).hexdigest() for secret in secrets]
    return bool(given) and _matches([hashlib.sha256(given.encode(errors="replace")).hexdigest()], wanted)


def _matches(given: Sequence[str], wanted: Iterable[str]) -> bool:
    """Every pair is compared, also after one that is equal."""
    equal = 0
    for other in wanted:
        for one in given[:SIGNATURES_MAX]:
            equal += hmac.compare_digest(one.encode(errors="replace"), other.encode())
    return equal > 0


def _in_time(sent: str, now_us: int) -> Unverified | None:
    """Only what is rightly signed is told so: others learn nothing of the clock."""
    if abs(int(sent) * _SECOND_US - now_us) <= WINDOW_US:
        return None
    return Unverified(
        "it was sent more than 5 minutes ago or ahead: set the sender's clock, and sign each sending anew"
    )


def _is_seconds(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 12


def _hex(key: bytes, signed: bytes) -> str:
    return hmac.digest(key, signed, "sha256").hex()


def _key(secret: str) -> bytes | None:
    """A secret without the prefix is no signing token."""
    if not secret.startswith(_STANDARD):
        return None
    try:
        return base64.b64decode(secret.removeprefix(_STANDARD), validate=True) or None
    except binascii.Error:
        return None

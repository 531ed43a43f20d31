"""AWS Signature Version 4, checked: what a client signed is what arrived (AWS IAM User Guide, "Sign API requests").

Written from the specification, without AWS's library: who checks with the signer's own code checks nothing.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

_AUTHORIZATION: Final = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<id>[^/]+)/"
    r"(?P<scope>(?P<date>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request), "
    r"SignedHeaders=(?P<signed>[^,]+), Signature=(?P<signature>[0-9a-f]{64})"
)
_MUST: Final = ("host", "x-amz-date")


def wrong_with(method: str, target: bytes, headers: Mapping[str, str], body: bytes, secret: str) -> str:
    """What is wrong with a request's signature by this secret; '' where it is right."""
    found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if found is None:
        return "The request carries no signature of version 4."
    signed = found["signed"].split(";")
    security = [name for name in headers if name == "x-amz-security-token"]
    if any(name not in signed for name in (*_MUST, *security)) or any(name not in headers for name in signed):
        return "The signature does not cover host and date, or covers headers that are not there."
    if not headers["x-amz-date"].startswith(found["date"]):
        return "The date of the signature is not the request's."
    path, _, query = target.decode("latin-1").partition("?")
    canonical = "\n".join(
        (
            method,
            quote(path, safe="/~-._"),
            "&".join(sorted(part if "=" in part else part + "=" for part in query.split("&") if part)),
            *(f"{name}:{' '.join(headers[name].split())}" for name in signed),
            "",
            found["signed"],
            hashlib.sha256(body).hexdigest(),
        )
    )
    to_sign = "\n".join(
        ("AWS4-HMAC-SHA256", headers["x-amz-date"], found["scope"], hashlib.sha256(canonical.encode()).hexdigest())
    )
    key = b"AWS4" + secret.encode()
    for part in (found["date"], found["region"], found["service"], "aws4_request", to_sign):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return "" if hmac.compare_digest(key.hex(), found["signature"]) else "The signature does not match the request."

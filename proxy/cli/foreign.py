"""Foreign: an answer that isn't a control plane's, so that no page of something else is taken for a report.

A sign-in page or a portal in front of a server answers everything with 200; and the gateway has the same host.
"""

from collections.abc import Mapping
from typing import Any, Final

import httpx

FORMS: Final[Mapping[str, str]] = {
    "json": "application/json",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "svg": "image/svg+xml",
    "png": "image/png",
}
"""Media types of what a control plane gives where it is asked for a form."""


def foreign(answer: httpx.Response, server: str, form: str = "json") -> str:
    """Who answered instead, and what to do; '' where it may be a control plane. `server`: what messages call it."""
    if not answer.is_success:
        if "code" not in _error(answer):
            return ""
        return (
            f"{server} is outlay's gateway, where calls go. Ask the control plane, whose port is 4142 by default: "
            "OUTLAY_URL, or `outlay login URL`"
        )
    found = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if found == FORMS[form]:
        return ""
    return (
        f"{server} doesn't answer as an outlay control plane does: {found or 'something without a type'}, no {form}. "
        "Another server, or a sign-in page in front of it? OUTLAY_URL or `outlay login URL` names the one to ask"
    )


def refusal(answer: httpx.Response, server: str) -> str:
    """What a control plane says where it gives no answer."""
    error = _error(answer)
    if error.get("type") == "invalid_key":
        return (
            f"{server} does not take this key: it is wrong, expired or revoked. Set OUTLAY_KEY to another, or "
            f"`outlay login {server}`"
        )
    if "message" in error:
        return str(error["message"])
    return f"{answer.request.url} answered {answer.status_code}; is it an outlay control plane?"


def _error(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        error = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        return {}
    return error if isinstance(error, dict) else {}

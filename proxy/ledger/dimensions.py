"""Dimensions: what a report can be broken down by and narrowed to. Whatever isn't listed here never reaches SQL."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from proxy.model.calendar import UNITS, Unit

TAG_PREFIX: Final = "tags."
_TAG: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}")


class UnknownDimensionError(ValueError):
    """A word that is no dimension; the message names the nearest that are."""


@dataclass(frozen=True, slots=True)
class Dimension:
    name: str
    expression: str = ""
    """Over a row of `calls`; text, never NULL."""
    personal: bool = False
    """True: a value of it belongs to one person, so it could single somebody out."""
    near: bool = False
    """True: whoever knows a project's people knows by it whose call it is, mostly."""
    unit: Unit | None = None
    """Of a dimension of time."""
    tag: str = ""
    kept: bool = True
    """False: it can be told of single calls only, and not of the sums that are left of those that were dropped."""


def _dimensions() -> dict[str, Dimension]:
    plain = {
        "team": "team",
        "project": "project",
        "cost_center": "cost_center",
        "purpose": "purpose",
        "owner_kind": "owner_kind",
        "provider": "provider",
        "account": "account",
        "model": "CASE served_model WHEN '' THEN model ELSE served_model END",
        "asked_model": "model",
        "dialect": "dialect",
        "operation": "operation",
        "outcome": "outcome",
        "refusal": "reason",
        "rule": "rule",
        "status": "status::VARCHAR",
        "stream": "CASE WHEN stream THEN 'true' ELSE 'false' END",
        "policy": "policy",
        "price": "price_id",
        "tier": "CASE WHEN service_tier IN ('', 'default') THEN 'standard' ELSE service_tier END",
        "region": "region",
        "variant": "variant",
        "speed": "speed",
        "repository": "repository",
        "estimated": "CASE WHEN estimated THEN 'true' ELSE 'false' END",
        "unpriced": "CASE WHEN unpriced THEN 'true' ELSE 'false' END",
    }
    fine = {"retry": "retry::VARCHAR"}
    near = {"branch": "branch", "commit": "commit_id", "work_item": "work_item"}
    personal = {
        "user": "owner",
        "key": "key_id",
    }
    fine_personal = {
        "session": "session",
        "agent": "agent",
        "justification": "justification",
        "trace": "split_part(trace, '-', 1)",
    }
    return {
        **{name: Dimension(name, expression, personal=True) for name, expression in personal.items()},
        **{name: Dimension(name, expression, personal=True, kept=False) for name, expression in fine_personal.items()},
        **{name: Dimension(name, expression) for name, expression in plain.items()},
        **{name: Dimension(name, expression, kept=False) for name, expression in fine.items()},
        **{name: Dimension(name, expression, kept=False, near=True) for name, expression in near.items()},
        "client": Dimension("client", "client", near=True),
        **{unit: Dimension(unit, unit=unit) for unit in UNITS},
    }


DIMENSIONS: Final[Mapping[str, Dimension]] = _dimensions()


def _of_waste() -> dict[str, Dimension]:
    own = {"class": "waste_class", "action": "waste_action", "exemption": "exemption"}
    return {
        **{name: Dimension(name, expression) for name, expression in own.items()},
        # Most runs of redundant calls are one person's: a row of its own for one is a row for that person.
        "campaign": Dimension("campaign", "campaign", personal=True),
    }


WASTE_DIMENSIONS: Final[Mapping[str, Dimension]] = {**_of_waste(), **DIMENSIONS}
"""Of the waste report; the first ones are over rows of sql/waste_calls.sql."""


def dimension(name: str, known: Mapping[str, Dimension] = DIMENSIONS) -> Dimension:
    """The dimension of this name; `tags.NAME` is one for each tag. Raises UnknownDimensionError."""
    found = known.get(name)
    if found is not None:
        return found
    if name.startswith(TAG_PREFIX):
        tag = name.removeprefix(TAG_PREFIX)
        if _TAG.fullmatch(tag):
            return Dimension(name, tag=tag, near=True)
        raise UnknownDimensionError(
            f"{name[:80]!r}: a tag's name has letters, digits, '_', '.', ':', '/', '-', at most 64"
        )
    near = get_close_matches(name, known, 3, 0.5)
    hint = f"; did you mean {' or '.join(near)}?" if near else "."
    raise UnknownDimensionError(f"{name[:80]!r} is no dimension{hint} There are: {', '.join(known)}, tags.NAME")

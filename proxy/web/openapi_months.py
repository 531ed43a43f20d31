"""What the routes of months are asked and answer, for the OpenAPI document."""

from proxy.finance.statement import COLUMNS, DIMENSIONS
from proxy.web.openapi_schemas import COUNT, MONEY, TEXT, TEXTS, TIME, Schema, parameter, table

_ANY: Schema = {}
_TOTAL = table({"calls": COUNT, "cost_usd": MONEY})


def month() -> Schema:
    return parameter("month", {**TEXT, "pattern": "^[0-9]{4}-[0-9]{2}$"}, "2026-10, UTC.", "path")


def months() -> Schema:
    way = table({**dict.fromkeys(("what", "says", "mend"), TEXT), "waivable": {"type": "boolean"}})
    row = {
        **dict.fromkeys(("month", "state", "closed_at", "closed_by", "reason", "sha256"), TEXT),
        "calls": COUNT,
        **dict.fromkeys(("cost_usd", "corrections_usd", "unbooked_usd"), MONEY),
        "in_the_way": {"type": "array", "items": way},
    }
    head = {"type": ["string", "null"], "description": "SHA-256 of the newest statement."}
    return table({"report": TEXT, "tz": TEXT, "head": head, "rows": {"type": "array", "items": table(row)}})


def statement() -> Schema:
    """Columns and rows side by side, so that a hundred thousand of them stay small."""
    row = {"type": "array", "minItems": len(COLUMNS), "maxItems": len(COLUMNS)}
    return table(
        {
            **dict.fromkeys(("month", "previous", "currency"), TEXT),
            "statement": COUNT,
            **dict.fromkeys(("since", "until", "closed_at", "data_until"), TIME),
            **dict.fromkeys(("columns", "price_lists"), TEXTS),
            **dict.fromkeys(("total", "corrections"), _TOTAL),
            "rows": {"type": "array", "items": row},
            **dict.fromkeys(("cut", "waived", "outcomes", "restated"), _ANY),
        }
    )


def corrections() -> Schema:
    row = table({**dict.fromkeys(DIMENSIONS, TEXT), "quantity": COUNT, "cost_usd": MONEY})
    return table(
        {
            "report": TEXT,
            "rows": {"type": "array", "items": row},
            "total": table({"cost_usd": MONEY}),
            "outcomes": {"type": "array", "items": table({"month": TEXT, "outcomes": _ANY})},
        }
    )


def verified() -> Schema:
    row = table({"month": TEXT, "sha256": TEXT, "holds": {"type": "boolean"}, "faults": TEXTS, "unverified": TEXTS})
    return table({"report": TEXT, "holds": {"type": "boolean"}, "rows": {"type": "array", "items": row}})


def closing() -> Schema:
    """The body that closes a month."""
    return table({}, optional={"reason": {**TEXT, "description": "Why, in spite of what is in the way; on record."}})


def closed() -> Schema:
    waived = {"type": "array", "items": table({"what": TEXT, "says": TEXT})}
    texts = dict.fromkeys(("month", "state", "sha256", "previous"), TEXT)
    return table({**texts, "closed_at": TIME, **dict.fromkeys(("total", "corrections"), _TOTAL), "waived": waived})

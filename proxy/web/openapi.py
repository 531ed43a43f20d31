"""The OpenAPI document of the control plane: what can be asked, and the shape of every answer.

Served at /openapi.json without a key, since it tells nothing about anybody. A test holds it against the routes and
against real answers.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from proxy import VERSION
from proxy.ledger.dimensions import DIMENSIONS, TAG_PREFIX
from proxy.ledger.periods import FORMS
from proxy.ledger.spend_query import FIGURES
from proxy.model.usage import KINDS
from proxy.web.price_document import FIGURE_COLUMNS, LAST_COLUMNS, TEXT_COLUMNS
from proxy.web.reports import FORMATS, PICTURES, VIEW_COLUMNS

Schema = dict[str, Any]

_MONEY: Final[Schema] = {
    "type": "string",
    "pattern": r"^-?[0-9]+(\.[0-9]+)?$",
    "description": "US dollars, an exact decimal.",
}
_TEXT: Final[Schema] = {"type": "string"}
_COUNT: Final[Schema] = {"type": "integer"}
_TIME: Final[Schema] = {"type": ["string", "null"], "format": "date-time"}
_TEXTS: Final[Schema] = {"type": "array", "items": _TEXT}
_MEDIA: Final = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "svg": "image/svg+xml",
    "png": "image/png",
}
_ERRORS: Final = {
    "400": "A parameter is wrong (`bad_parameter`); the message names it.",
    "401": "No key, or one that is wrong, expired or revoked (`invalid_key`).",
    "403": "Not for this role (`forbidden`), or a reason is asked for (`reason_needed`).",
    "404": "Nothing here, or nothing of yours (`unknown_path`, `unknown_call`, `unknown_budget`).",
    "503": "Too many reports at once (`busy`), or a look that can't be put on record (`not_on_record`).",
    "504": "It took too long (`too_slow`).",
}


def openapi(control_url: str) -> Schema:
    """The document. `control_url`: where this control plane is reached."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "outlay control plane",
            "version": VERSION,
            "description": "Reports of what was spent, exact to the pico-dollar. Nobody is ranked.",
        },
        "servers": [{"url": control_url}],
        "security": [{"bearer": []}, {"apiKey": []}],
        "paths": {
            "/v1/reports/spend": _get("spend", "What was spent, by any dimension.", _spend(), _spend_asked(), PICTURES),
            "/v1/reports/prices": _get("prices", "At which prices, and what changed.", _prices(), _period(), ()),
            "/v1/reports/views": _get("views", "Who looked at whose rows.", _views(), [], ()),
            "/v1/calls/{id}": _get("call", "One call explained.", _call(), _call_asked(), None),
            "/v1/budgets/increases": _get("increases", "Increases of budgets.", _increases(), _increases_asked(), None),
            "/v1/budgets/{name}/requests": _done("post", "request", "Ask for an increase.", _asked(), [_budget()]),
            "/v1/budgets/{name}/grants": _done("post", "grant", "Grant an increase (admin).", _asked(), [_budget()]),
            "/v1/budgets/{name}/grants/{id}": _done("delete", "revoke", "End a grant (admin).", None, _revoked()),
            "/v1/replay": _get("replay", "What a replay of policies is compared with (admin).", _replay(), [], None),
            "/v1/replay/facts": _facts(),
            "/v1/whoami": _get("whoami", "Whose key this is, and where the gateway is.", _whoami(), [], None),
            "/metrics": _plain("metrics", "Prometheus figures.", "text/plain", keyed=True),
            "/healthz": _plain("alive", "The process answers.", "text/plain"),
            "/readyz": _plain("ready", "Whether it loads and answers, in detail; 503 where not.", "application/json"),
            "/openapi.json": _plain("openapi", "This document.", "application/json"),
        },
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "An outlay key."},
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
            "schemas": {"Error": _error()},
        },
    }


def _get(
    name: str, summary: str, schema: Schema, parameters: Sequence[Schema], pictures: Sequence[str] | None
) -> Schema:
    """A route that needs a key. `pictures`: the formats beside those that every report has; None: JSON alone."""
    content: Schema = {"application/json": {"schema": schema}}
    if pictures is not None:
        forms = (*FORMATS, *pictures)
        parameters = [*parameters, _parameter("format", {"enum": list(forms), "default": "json"}, "How it is given.")]
        content |= {_MEDIA[form]: {} for form in forms if form in _MEDIA}
    ok = {"description": summary, "content": content}
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            "parameters": [*parameters],
            "responses": {"200": ok, **_failed()},
        }
    }


def _done(method: str, name: str, summary: str, body: Schema | None, parameters: Sequence[Schema]) -> Schema:
    """A route that changes something."""
    schema = _increase() if body else _object({"id": _TEXT, "state": _TEXT})
    done = {"description": summary, "content": {"application/json": {"schema": schema}}}
    asked = {"requestBody": {"required": True, "content": {"application/json": {"schema": body}}}} if body else {}
    operation: Schema = {"operationId": name, "summary": summary, "parameters": [*parameters], **asked}
    return {method: {**operation, "responses": {"201" if body else "200": done, **_failed()}}}


def _failed() -> Schema:
    return {
        status: {
            "description": text,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        }
        for status, text in _ERRORS.items()
    }


def _facts() -> Schema:
    times = {
        "since_us": "First admission, included; microseconds since the epoch, as all of these.",
        "until_us": "Last admission, not included.",
        "minutes_since_us": "From when on what was spent before is summed by the minute.",
        "quarters_since_us": "From when on it is summed by quarters of an hour.",
    }
    summary = "The facts that a replay of policies needs (admin); on record, for everybody to see."
    parameters = [{**_parameter(name, _COUNT, text), "required": True} for name, text in times.items()]
    ok = {"description": summary, "content": {_MEDIA["parquet"]: {}}}
    operation: Schema = {"operationId": "replay_facts", "summary": summary, "parameters": parameters}
    return {"get": {**operation, "responses": {"200": ok, **_failed()}}}


def _plain(name: str, summary: str, media_type: str, *, keyed: bool = False) -> Schema:
    answer = {"description": summary, "content": {media_type: {}}}
    operation: Schema = {"operationId": name, "summary": summary, "responses": {"200": answer}}
    return {"get": operation | ({} if keyed else {"security": []})}


def _parameter(name: str, schema: Schema, text: str, place: str = "query") -> Schema:
    return {"name": name, "in": place, "required": place == "path", "schema": schema, "description": text}


def _period() -> list[Schema]:
    filters = [
        _parameter(name, _TEXTS, f"Only calls with this {name}; repeated: any of them.")
        for name, each in DIMENSIONS.items()
        if each.unit is None
    ]
    return [
        _parameter("since", {**_TEXT, "default": "this-month"}, f"Start, included: {FORMS}."),
        _parameter("until", {**_TEXT, "default": "now"}, "End, not included."),
        _parameter("tz", {**_TEXT, "default": "UTC"}, "IANA time zone of days and months."),
        *filters,
    ]


def _spend_asked() -> list[Schema]:
    names = [*DIMENSIONS, f"{TAG_PREFIX}NAME"]
    return [
        _parameter("by", _TEXT, f"Dimensions with commas, at most 6: {', '.join(names)}."),
        *_period(),
        _parameter("compare", {"enum": ["previous"]}, "Beside each row, the period before."),
        _parameter("reason", _TEXT, "Why other people's rows are looked at; on record, and shown to them."),
    ]


def _call_asked() -> list[Schema]:
    return [
        _parameter("id", _TEXT, "As in an answer's x-outlay-call-id.", "path"),
        _parameter("reason", _TEXT, "Why another person's call is looked at; on record, and shown to that person."),
    ]


def _budget() -> Schema:
    return _parameter("name", _TEXT, "The budget's name.", "path")


def _revoked() -> list[Schema]:
    return [
        _budget(),
        _parameter("id", _TEXT, "The grant's id.", "path"),
        _parameter("reason", _TEXT, "Why; on record."),
    ]


def _increases_asked() -> list[Schema]:
    return [_parameter("all", {"enum": ["true", "false"], "default": "false"}, "Those that are over, too.")]


def _asked() -> Schema:
    required: dict[str, Schema] = {
        "amount": {**_TEXT, "description": "As in '50 USD', '20M tokens', '1000 calls'; the budget's own unit."},
        "until": {**_TEXT, "description": "A day, a time, or from now on: '7d'."},
        "reason": {**_TEXT, "description": "Why; on record."},
    }
    whose: Schema = {**_TEXTS, "description": "Values of the budget's `per`, in its order."}
    return _object(required, optional={"instance": whose, "request": {**_TEXT, "description": "What a grant answers."}})


def _increase() -> Schema:
    texts = ("id", "state", "budget", "amount", "reason", "request")
    return _object({**dict.fromkeys(texts, _TEXT), "instance": _TEXTS, "until": {**_TEXT, "format": "date-time"}})


def _increases() -> Schema:
    shown = dict(_increase()["properties"])
    more = {"kind": {"enum": ["request", "grant"]}, "at": {**_TEXT, "format": "date-time"}}
    row = _object({**shown, **more, **dict.fromkeys(("actor", "revoked_by", "revoked_because"), _TEXT)})
    return _object({"rows": {"type": "array", "items": row}})


def _object(
    required: Mapping[str, Schema], *, more: Schema | bool = False, optional: Mapping[str, Schema] | None = None
) -> Schema:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": more,
    }


def _report(row: Schema, total: Schema | None, **own: Schema) -> Schema:
    frame: dict[str, Schema] = {"report": _TEXT, "rows": {"type": "array", "items": row}}
    if total is not None:
        frame |= {
            "filters": _object({}, more=_TEXTS),
            **dict.fromkeys(("since", "until", "data_until"), _TIME),
            **dict.fromkeys(("tz", "definition"), _TEXT),
            "scope": {"enum": ["own", "all"]},
            "notes": _TEXTS,
            "total": total,
        }
    return _object({**frame, **own})


def _spend() -> Schema:
    figures = {("cost_usd" if name == "cost_pico" else name): _COUNT for name in FIGURES} | {"cost_usd": _MONEY}
    compared = {"previous_calls": _COUNT, "previous_cost_usd": _MONEY, "cost_change_usd": _MONEY}
    period = _object({"since": _TIME, "until": _TIME})
    return _report(
        _object(figures, more=_TEXT, optional=compared),
        _object(figures, optional=compared),
        by=_TEXTS,
        compared_with={"oneOf": [period, {"type": "null"}]},
    )


def _prices() -> Schema:
    figures = {name: _MONEY if name.endswith("_usd") else _COUNT for name in FIGURE_COLUMNS}
    texts = dict.fromkeys((*TEXT_COLUMNS, *LAST_COLUMNS), _TEXT)
    return _report(_object({**texts, **figures}), _object(figures), price_lists=_TEXTS)


def _views() -> Schema:
    return _report(_object(dict.fromkeys(VIEW_COLUMNS, _TEXT)), None)


def _call() -> Schema:
    anything: Schema = {"type": "object"}
    kinds = "Kinds: " + ", ".join(KINDS) + "."
    settled = {
        "decision": anything,
        "settled_at": _TIME,
        "served": anything,
        "usage": {**_object({}, more=_COUNT), "description": kinds},
        "estimated": {"type": "boolean"},
        "price": _object({"id": _TEXT, "unpriced": {"type": "boolean"}}),
        "cost_usd": _MONEY,
        "cost_by_kind_usd": {**_object({}, more=_MONEY), "description": kinds},
        "timing_ms": _object({}, more={"type": "number"}),
        "edits": _TEXTS,
        "hold": _object({"cost_usd": _MONEY, "input_tokens": _COUNT, "output_tokens": _COUNT}),
    }
    return _object(
        {
            "id": _TEXT,
            "state": {"enum": ["in_flight", "settled", "refused"]},
            "opened_at": _TIME,
            "who": anything,
            "what": anything,
            "policy": _object({"version": _TEXT, "kept": {"type": "boolean"}}),
            "rules": {"type": "array", "items": _rule(), "description": "Each that applied; a refusing one first."},
            "journal": _object({"segment": _TEXT, "offset": _COUNT}),
        },
        optional=settled,
    )


def _replay() -> Schema:
    in_force = _object({"version": _TEXT, "commit": _TEXT, "files": _object({}, more=_TEXT)})
    return _object({"in_force": {"oneOf": [in_force, {"type": "null"}]}, "first": _TIME, "newest": _TIME})


def _rule() -> Schema:
    account = _object({"instance": _object({}, more=_TEXT), "since": _TIME, "until": _TIME, "charged": _TEXT})
    return _object(
        {
            **dict.fromkeys(("name", "where", "kind", "mode", "did", "says", "contact"), _TEXT),
            "decided": {"type": "boolean"},
            "because": {"type": "array", "items": _object(dict.fromkeys(("dimension", "value", "fits"), _TEXT))},
            "account": {"oneOf": [account, {"type": "null"}]},
        }
    )


def _whoami() -> Schema:
    return _object(
        {
            **dict.fromkeys(("server", "version", "name"), _TEXT),
            "kind": {"enum": ["person", "service"]},
            "role": {"enum": ["developer", "finance", "admin"]},
        },
        more=True,
    )


def _error() -> Schema:
    return _object({"error": _object({"type": _TEXT, "message": _TEXT})})

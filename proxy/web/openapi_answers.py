"""What each route of the control plane answers, for the OpenAPI document."""

from collections.abc import Mapping
from dataclasses import fields

from proxy.ledger.spend_query import FIGURES
from proxy.model.squeeze import Squeeze
from proxy.model.usage import KINDS
from proxy.ports.sheets import ColumnType
from proxy.web.budget_document import BUDGET_COLUMNS, COUNTS
from proxy.web.definition_document import COUNT_COLUMNS as REDEFINED_COUNTS
from proxy.web.definition_document import CREDIT_COLUMNS
from proxy.web.openapi_schemas import COUNT, MONEY, TEXT, TEXTS, TIME, Schema, table
from proxy.web.outcome_document import (
    COST_COLUMNS,
    COUNT_COLUMNS,
    MONEY_COLUMNS,
)
from proxy.web.outcome_document import FIGURE_COLUMNS as OUTCOME_COLUMNS
from proxy.web.outcome_document import TEXT_COLUMNS as OUTCOME_TEXTS
from proxy.web.price_document import FIGURE_COLUMNS, LAST_COLUMNS, TEXT_COLUMNS
from proxy.web.reports import ACT_COLUMNS, VIEW_COLUMNS
from proxy.web.waste_document import CAMPAIGN_COLUMNS, WASTE_COLUMNS

_SQUEEZE = [field.name for field in fields(Squeeze)]


def increase() -> Schema:
    texts = ("id", "state", "budget", "amount", "reason", "request")
    return table({**dict.fromkeys(texts, TEXT), "instance": TEXTS, "until": {**TEXT, "format": "date-time"}})


def increases() -> Schema:
    shown = dict(increase()["properties"])
    more = {"kind": {"enum": ["request", "grant"]}, "at": {**TEXT, "format": "date-time"}}
    row = table({**shown, **more, **dict.fromkeys(("actor", "revoked_by", "revoked_because"), TEXT)})
    return table({"rows": {"type": "array", "items": row}})


def told() -> Schema:
    """What a delivery is answered."""
    texts = dict.fromkeys(("source", "delivery"), TEXT)
    more = {"ids": TEXTS, "quarantine": {**TEXTS, "description": "Why it scores nothing yet."}}
    return table({**texts, "duplicate": {"type": "boolean"}, "told": COUNT, **more}, optional={"message": TEXT})


def quarantine() -> Schema:
    time: Schema = {**TEXT, "format": "date-time"}
    texts = dict.fromkeys(("source", "repository", "service", "why", "add"), TEXT)
    row = table(
        {
            **texts,
            **dict.fromkeys(("environments", "kinds"), TEXTS),
            **dict.fromkeys(("things", "deployments"), COUNT),
            "first": time,
            "last": time,
        }
    )
    source = table({"name": TEXT, "kind": TEXT, "secrets": COUNT, "secrets_readable": COUNT})
    refused = table({"kind": TEXT, "deliveries": COUNT, "last": time, "why": TEXT})
    rows = {"rows": row, "sources": source, "refused": refused}
    return table({name: {"type": "array", "items": each} for name, each in rows.items()})


def _report(row: Schema, total: Schema | None, optional: Mapping[str, Schema] | None = None, **own: Schema) -> Schema:
    frame: dict[str, Schema] = {"report": TEXT, "rows": {"type": "array", "items": row}}
    if total is not None:
        frame |= {
            "filters": table({}, more=TEXTS),
            **dict.fromkeys(("since", "until", "data_until"), TIME),
            **dict.fromkeys(("tz", "definition"), TEXT),
            "scope": {"enum": ["own", "projects", "all"]},
            "notes": TEXTS,
            "total": total,
        }
    return table({**frame, **own}, optional=optional)


def spend() -> Schema:
    figures = {("cost_usd" if name == "cost_pico" else name): COUNT for name in FIGURES} | {"cost_usd": MONEY}
    compared = {"previous_calls": COUNT, "previous_cost_usd": MONEY, "cost_change_usd": MONEY}
    period = table({"since": TIME, "until": TIME})
    return _report(
        table(figures, more=TEXT, optional=compared),
        table(figures, optional=compared),
        by=TEXTS,
        compared_with={"oneOf": [period, {"type": "null"}]},
    )


def waste() -> Schema:
    figures = {name: MONEY if name.endswith("_usd") else COUNT for name in WASTE_COLUMNS} | {"share_of_spend": MONEY}
    runs: Schema = {"type": "array", "items": _run()}
    return _report(table(figures, more=TEXT), table(figures), by=TEXTS, as_of=TIME, optional={"campaigns": runs})


def budgets() -> Schema:
    """Amounts are in the row's unit."""
    amount: Schema = {**MONEY, "description": "An exact decimal, in the row's unit."}
    row: dict[str, Schema] = {
        name: {ColumnType.TEXT: TEXT, ColumnType.WHOLE: COUNT, ColumnType.MONEY: amount}[kind]
        for name, kind in BUDGET_COLUMNS.items()
    }
    row |= {**dict.fromkeys(("from", "to", "resets"), TIME), "instance": table({}, more=TEXT)}
    row |= {"share": {**amount, "type": ["string", "null"], "description": "Spent, as a part of limit and granted."}}
    return _report(table({**row, "shadow_cost_usd": MONEY}), table(dict.fromkeys(COUNTS, COUNT)), as_of=TIME)


def deployments() -> Schema:
    """What is withheld, or not known, is null."""
    count: Schema = {**COUNT, "type": ["integer", "null"]}
    decimal: Schema = {"type": ["string", "null"], "description": "A decimal; null: withheld, or not known."}
    amount: Schema = {**MONEY, "type": ["string", "null"]}
    reason = table({**dict.fromkeys(("standing", "rule", "why"), TEXT), "deployments": COUNT})
    figures: dict[str, Schema] = {
        "withheld": {"type": "boolean", "description": "True: too few persons stand behind what was delivered."},
        **dict.fromkeys(COUNT_COLUMNS, count),
        **dict.fromkeys((*OUTCOME_COLUMNS, "attributed_share"), decimal),
        **dict.fromkeys((*MONEY_COLUMNS, *COST_COLUMNS), amount),
        **dict.fromkeys(OUTCOME_TEXTS, TEXT),
        "reasons": {"type": "array", "items": reason},
    }
    quarter = table({**dict.fromkeys(("quarter", "version"), TEXT), **dict.fromkeys(_BASELINES, COUNT)})
    together = table({"weeks": COUNT, **dict.fromkeys(("coefficient", "low", "high"), decimal), "says": TEXT})
    return table(
        {
            **dict.fromkeys(("report", "tz", "definition", "definition_version"), TEXT),
            **dict.fromkeys(("prices", "reconciliation", "scope"), TEXT),
            **dict.fromkeys(("since", "until", "data_until", "built_at"), TIME),
            **dict.fromkeys(("by", "not_yet_known", "notes"), TEXTS),
            "filters": table({}, more=TEXTS),
            "baselines": {"type": "array", "items": quarter},
            "trust": {**table({}, more=TEXT), "description": "The least that each service asks for."},
            "persons_min": COUNT,
            "association": {"oneOf": [together, {"type": "null"}]},
            "rows": {"type": "array", "items": table(figures, more=TEXT)},
            "total": table(figures),
        }
    )


def definition() -> Schema:
    row = {"service": TEXT, **dict.fromkeys(REDEFINED_COUNTS, COUNT), **dict.fromkeys(CREDIT_COLUMNS, TEXT)}
    texts = dict.fromkeys(("report", "definition_version", "other_version"), TEXT)
    return table({**texts, "notes": TEXTS, "rows": {"type": "array", "items": table(row)}})


_BASELINES = ("services", "imported", "on_record")


def hints() -> Schema:
    row = table({"says": TEXT, "advice": TEXT, **_run()["properties"]})
    frame = {"filters": table({}, more=TEXTS), "tz": TEXT, "definition": TEXT, "scope": {"enum": ["own"]}}
    return _report(row, None, **frame, **dict.fromkeys(("since", "until", "as_of", "data_until"), TIME))


def _run() -> Schema:
    kinds = {ColumnType.TEXT: TEXT, ColumnType.WHOLE: COUNT, ColumnType.MONEY: MONEY}
    texts = {"call": TEXT, "at": TIME, "cost_usd": MONEY, "repeats": TEXTS, "repeats_not_shown": COUNT}
    columns = {name: kinds[kind] for name, kind in CAMPAIGN_COLUMNS.items()}
    return table({**columns, "examples": {"type": "array", "items": table(texts)}})


def prices() -> Schema:
    figures = {name: MONEY if name.endswith("_usd") else COUNT for name in FIGURE_COLUMNS}
    texts = dict.fromkeys((*TEXT_COLUMNS, *LAST_COLUMNS), TEXT)
    return _report(table({**texts, **figures}), table(figures), price_lists=TEXTS)


def views() -> Schema:
    return _report(table(dict.fromkeys(VIEW_COLUMNS, TEXT)), None)


def acts() -> Schema:
    return _report(table(dict.fromkeys(ACT_COLUMNS, TEXT)), None)


def deployment() -> Schema:
    anything: Schema = {"type": "object"}
    ruling = table({"rule": TEXT, "says": TEXT, "holds": {"type": ["boolean", "null"]}})
    some: Schema = {"type": "array", "items": anything}
    return table(
        {
            **dict.fromkeys(("definition", "standing"), TEXT),
            **dict.fromkeys(("deployment", "commits"), anything),
            **dict.fromkeys(("against", "changes", "groups"), some),
            "rulings": {"type": "array", "items": ruling},
            "persons": {"enum": ["roles", "names"], "description": "As what people are told of."},
            "pending_until_us": {"type": ["integer", "null"], "description": "When its soak ends."},
        }
    )


def call() -> Schema:
    anything: Schema = {"type": "object"}
    kinds = "Kinds: " + ", ".join(KINDS) + "."
    settled = {
        "decision": anything,
        "settled_at": TIME,
        "served": anything,
        "usage": {**table({}, more=COUNT), "description": kinds},
        "estimated": {"type": "boolean"},
        "price": table({"id": TEXT, "unpriced": {"type": "boolean"}}),
        "cost_usd": MONEY,
        "cost_by_kind_usd": {**table({}, more=MONEY), "description": kinds},
        "timing_ms": table({}, more={"type": "number"}),
        "edits": TEXTS,
        "redundancy": _redundancy(),
        "hold": table({"cost_usd": MONEY, "input_tokens": COUNT, "output_tokens": COUNT}),
    }
    return table(
        {
            "id": TEXT,
            "state": {"enum": ["in_flight", "settled", "refused"]},
            "opened_at": TIME,
            "who": anything,
            "what": anything,
            "policy": table({"version": TEXT, "kept": {"type": "boolean"}}),
            "rules": {"type": "array", "items": _rule(), "description": "Each that applied; a refusing one first."},
            "journal": table({"segment": TEXT, "offset": COUNT}),
        },
        optional=settled,
    )


def _redundancy() -> Schema:
    named = table({"campaign": TEXT, "class": TEXT, "at": TIME})
    return table(
        {
            **dict.fromkeys(("class", "campaign", "exempted", "action"), TEXT),
            "score": {"type": "number"},
            "flagged_from": {"type": "number"},
            "flagged": {"type": "boolean"},
            "saved_usd": MONEY,
            "repeats": TEXTS,
            "repeats_not_shown": COUNT,
            "named_later": {"oneOf": [named, {"type": "null"}]},
        }
    )


def replay() -> Schema:
    in_force = table({"version": TEXT, "commit": TEXT, "files": table({}, more=TEXT)})
    return table({"in_force": {"oneOf": [in_force, {"type": "null"}]}, "first": TIME, "newest": TIME})


def _rule() -> Schema:
    account = table({"instance": table({}, more=TEXT), "since": TIME, "until": TIME, "charged": TEXT})
    return table(
        {
            **dict.fromkeys(("name", "where", "kind", "mode", "did", "says", "contact"), TEXT),
            "decided": {"type": "boolean"},
            "because": {"type": "array", "items": table(dict.fromkeys(("dimension", "value", "fits"), TEXT))},
            "account": {"oneOf": [account, {"type": "null"}]},
            "squeezed": {"type": "array", "items": table(dict.fromkeys(_SQUEEZE, TEXT))},
        }
    )


def whoami() -> Schema:
    return table(
        {
            **dict.fromkeys(("server", "version", "name"), TEXT),
            "kind": {"enum": ["person", "service"]},
            "role": {"enum": ["developer", "finance", "admin"]},
        },
        more=True,
    )


def error() -> Schema:
    return table({"error": table({"type": TEXT, "message": TEXT})})

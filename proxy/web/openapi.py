"""The OpenAPI document of the control plane: what can be asked, and the shape of every answer.

Served at /openapi.json without a key, since it tells nothing about anybody. A test holds it against the routes and
against real answers.
"""

from collections.abc import Sequence
from typing import Final

from proxy import VERSION
from proxy.web.control_answers import FORMATS
from proxy.web.events import KINDS
from proxy.web.events_import import EVENTS_MAX
from proxy.web.openapi_answers import (
    acts,
    budgets,
    call,
    definition,
    deployment,
    deployments,
    error,
    hints,
    increase,
    increases,
    prices,
    quarantine,
    replay,
    spend,
    told,
    views,
    waste,
    whoami,
)
from proxy.web.openapi_asked import (
    acts_asked,
    budget,
    budgets_asked,
    call_asked,
    definition_asked,
    deployment_asked,
    deployments_asked,
    hints_asked,
    increase_asked,
    increases_asked,
    period,
    revoked,
    spend_asked,
    waste_asked,
)
from proxy.web.openapi_months import closed, closing, corrections, month, months, statement, verified
from proxy.web.openapi_pages import month_pages
from proxy.web.openapi_schemas import COUNT, TEXT, TEXTS, Schema, parameter, table
from proxy.web.reports import PICTURES

_MEDIA: Final = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "svg": "image/svg+xml",
    "png": "image/png",
}
SECURITY: Final[list[Schema]] = [{"bearer": []}, {"apiKey": []}]
_ERRORS: Final = {
    "400": "A parameter is wrong (`bad_parameter`); the message names it.",
    "401": "No key, or one that is wrong, expired or revoked (`invalid_key`).",
    "403": "Not for this role (`forbidden`), or a reason is asked for (`reason_needed`).",
    "404": "Nothing here, or nothing of yours (`unknown_path`, `unknown_call`, `unknown_budget`, `unknown_month`).",
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
        "security": [*SECURITY],
        "paths": {**_reports(), **_explained(), **_months(), **_budgets(), **_facts_in_and_out(), **_process()},
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "An outlay key."},
                "basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "For pages: the password is an outlay key.",
                },
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
            "schemas": {"Error": error()},
        },
    }


def _reports() -> Schema:
    """What stands under /v1/reports."""
    return {
        "/v1/reports/spend": _get("spend", "What was spent, by any dimension.", spend(), spend_asked(), PICTURES),
        "/v1/reports/prices": _get("prices", "At which prices, and what changed.", prices(), period(), ()),
        "/v1/reports/budgets": _get("budgets", "What budgets have left.", budgets(), budgets_asked(), ()),
        "/v1/reports/waste": _get("waste", "What redundant calls cost.", waste(), waste_asked(), PICTURES),
        "/v1/reports/deployments": _get(
            "deployments", "What was delivered for the money.", deployments(), deployments_asked(), ()
        ),
        "/v1/reports/definition": _get(
            "definition", "The past by another definition (finance, admin).", definition(), definition_asked(), ()
        ),
        "/v1/reports/hints": _get("hints", "What of one's own calls repeats itself.", hints(), hints_asked(), ()),
        "/v1/reports/views": _get("views", "Who looked at whose rows.", views(), [], ()),
        "/v1/reports/acts": _get("acts", "What was done, and by whom (admin).", acts(), acts_asked(), ()),
    }


def _explained() -> Schema:
    """One thing, explained."""
    return {
        "/v1/calls/{id}": _get("call", "One call explained.", call(), call_asked(), None),
        "/v1/deployments/{id}": _get("deployment", "One deployment explained.", deployment(), deployment_asked(), None),
    }


def _months() -> Schema:
    """Closed months, as documents and as pages."""
    return {
        "/v1/months": _get("months", "Months, open and closed (finance, admin).", months(), [], ()),
        "/v1/months/corrections": _get(
            "corrections", "What came late for closed months (finance, admin).", corrections(), [], ()
        ),
        "/v1/months/verify": _get("verify", "Whether statements are as they were closed.", verified(), [], ()),
        "/v1/months/{month}": _get(
            "statement", "A closed month, the same bytes for ever (finance, admin).", statement(), [month()], ()
        ),
        "/v1/months/{month}/close": _close(),
        **month_pages(_MEDIA, _ERRORS, SECURITY),
    }


def _budgets() -> Schema:
    """Increases of budgets."""
    return {
        "/v1/budgets/increases": _get("increases", "Increases of budgets.", increases(), increases_asked(), None),
        "/v1/budgets/{name}/requests": _done("post", "request", "Ask for an increase.", increase_asked(), [budget()]),
        "/v1/budgets/{name}/grants": _done("post", "grant", "Grant an increase (admin).", increase_asked(), [budget()]),
        "/v1/budgets/{name}/grants/{id}": _done("delete", "revoke", "End a grant (admin).", None, revoked()),
    }


def _facts_in_and_out() -> Schema:
    """What sources tell, and what a replay takes."""
    return {
        "/v1/replay": _get("replay", "What a replay of policies is compared with (admin).", replay(), [], None),
        "/v1/replay/facts": _facts(),
        "/v1/events/{kind}": _events(),
        "/v1/events/import": _import(),
        "/v1/events/quarantine": _get(
            "quarantine", "What sources told that nobody registered (finance, admin).", quarantine(), [], None
        ),
    }


def _process() -> Schema:
    """The process itself, and who asks."""
    return {
        "/v1/whoami": _get("whoami", "Whose key this is, and where the gateway is.", whoami(), [], None),
        "/metrics": _plain("metrics", "Prometheus figures.", "text/plain", keyed=True),
        "/healthz": _plain("alive", "The process answers.", "text/plain"),
        "/readyz": _plain(
            "ready", "Whether it loads and answers, in detail; 503 where not.", "application/json", "503"
        ),
        "/openapi.json": _plain("openapi", "This document.", "application/json"),
    }


def _get(
    name: str, summary: str, schema: Schema, parameters: Sequence[Schema], pictures: Sequence[str] | None
) -> Schema:
    """A route that needs a key. `pictures`: the formats beside those that every report has; None: JSON alone."""
    content: Schema = {"application/json": {"schema": schema}}
    if pictures is not None:
        forms = (*FORMATS, *pictures)
        parameters = [*parameters, parameter("format", {"enum": list(forms), "default": "json"}, "How it is given.")]
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
    schema = increase() if body else table({"id": TEXT, "state": TEXT})
    done = {"description": summary, "content": {"application/json": {"schema": schema}}}
    asked = {"requestBody": {"required": True, "content": {"application/json": {"schema": body}}}} if body else {}
    operation: Schema = {"operationId": name, "summary": summary, "parameters": [*parameters], **asked}
    return {method: {**operation, "responses": {"201" if body else "200": done, **_failed()}}}


def _close() -> Schema:
    summary = "Close a month for good (finance, admin)."
    done = {"description": summary, "content": {"application/json": {"schema": closed()}}}
    refused = {
        "description": "It is closed already, or something is in the way (`not_closable`): the message says what.",
        "content": {"application/json": {"schema": _ERROR}},
    }
    asked = {"required": False, "content": {"application/json": {"schema": closing()}}}
    operation: Schema = {
        "operationId": "close_month",
        "summary": summary,
        "parameters": [month()],
        "requestBody": asked,
    }
    return {"post": {**operation, "responses": {"201": done, "409": refused, **_failed()}}}


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
    parameters = [{**parameter(name, COUNT, text), "required": True} for name, text in times.items()]
    ok = {"description": summary, "content": {_MEDIA["parquet"]: {}}}
    operation: Schema = {"operationId": "replay_facts", "summary": summary, "parameters": parameters}
    return {"get": {**operation, "responses": {"200": ok, **_failed()}}}


def _events() -> Schema:
    """A route without a key: the source's own signature is asked for."""
    kind = parameter("kind", {"enum": list(KINDS)}, "Of source; services.yaml has its secrets.", "path")
    source = parameter("source", TEXT, "Name of the source in services.yaml; without it all of the kind are tried.")
    answers = {
        "200": "On record, or known already (`duplicate`).",
        "202": "On record, and it scores nothing until services.yaml names what it is about.",
        "400": "Signed, and no event of this kind (`unreadable`).",
        "401": "Not signed by a registered source (`unverified`): nothing is kept.",
        "404": "No such kind (`unknown_path`).",
        "408": "The body did not come whole (`too_slow`).",
        "413": "The body is too large (`too_large`).",
        "503": "Not on record (`not_on_record`), or too many at once (`busy`): send it again.",
    }
    responses = {
        status: {"description": text, "content": {"application/json": {"schema": told() if status < "3" else _ERROR}}}
        for status, text in answers.items()
    }
    operation: Schema = {
        "operationId": "events",
        "summary": "A delivery of a source: GitHub, GitLab, Argo CD, CDEvents, or any other in outlay's own form.",
        "security": [],
        "parameters": [kind, source],
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
        "responses": responses,
    }
    return {"post": operation}


def _import() -> Schema:
    anything: Schema = {"type": "object"}
    asked = table({"events": {"type": "array", "maxItems": EVENTS_MAX, "items": anything}})
    bad = {"type": "array", "items": table({"at": COUNT, "why": TEXT})}
    taken = table({"told": COUNT, "ids": TEXTS, "bad": bad})
    operation: Schema = {
        "operationId": "import",
        "summary": "The past, brought in by an admin. What can't be read is named (`bad`), and the rest is on record.",
        "requestBody": {"required": True, "content": {"application/json": {"schema": asked}}},
    }
    done = {"description": "On record.", "content": {"application/json": {"schema": taken}}}
    return {"post": {**operation, "responses": {"200": done, **_failed()}}}


_ERROR: Final[Schema] = {"$ref": "#/components/schemas/Error"}


def _plain(name: str, summary: str, media_type: str, *statuses: str, keyed: bool = False) -> Schema:
    """`statuses`: those besides 200, of the same shape."""
    answer = {"description": summary, "content": {media_type: {}}}
    operation: Schema = {
        "operationId": name,
        "summary": summary,
        "responses": dict.fromkeys(("200", *statuses), answer),
    }
    if keyed:
        # Open, unless OUTLAY_METRICS_ACCESS says otherwise.
        refused = {status: answer for status, answer in _failed().items() if status in ("401", "403")}
        return {"get": operation | {"security": [{}, *SECURITY], "responses": {"200": answer, **refused}}}
    return {"get": operation | {"security": []}}

"""Pages of the control plane, for the OpenAPI document."""

from collections.abc import Mapping, Sequence

from proxy.web.control_answers import FORMATS
from proxy.web.months_drawn import PLACE
from proxy.web.openapi_months import month
from proxy.web.openapi_schemas import Schema, parameter


def month_pages(media: Mapping[str, str], errors: Mapping[str, str], security: Sequence[Schema]) -> Schema:
    """By path. `media`: of files, by format; `errors`: by status, told as pages here."""
    pages = {
        "": ("months_page", "Months, as a page (finance, admin).", []),
        "/corrections": ("corrections_page", "What came late for closed months, as a page (finance, admin).", []),
        "/verify": ("verify_page", "Whether statements are as they were closed, as a page (finance, admin).", []),
        "/{month}": ("statement_page", "The statement of a closed month, as a page (finance, admin).", [month()]),
    }
    form = parameter("format", {"enum": list(FORMATS)}, "The same as a file; without it, the page.")
    files: Schema = {media[each]: {} for each in FORMATS if each in media}
    failed = {status: {"description": text, "content": {"text/html": {}}} for status, text in errors.items()}
    return {
        f"{PLACE}{rest}": {
            "get": {
                "operationId": name,
                "summary": summary,
                "security": [{"basic": []}, *security],
                "parameters": [*parameters, form],
                "responses": {
                    "200": {"description": summary, "content": {"text/html": {}, "application/json": {}, **files}},
                    **failed,
                },
            }
        }
        for rest, (name, summary, parameters) in pages.items()
    }

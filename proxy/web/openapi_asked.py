"""What each route of the control plane is asked: parameters and bodies, for the OpenAPI document."""

from collections.abc import Mapping

from proxy.ledger.dimensions import DIMENSIONS, TAG_PREFIX, WASTE_DIMENSIONS, Dimension
from proxy.ledger.outcome_asked import OUTCOME_DIMENSIONS
from proxy.ledger.periods import FORMS
from proxy.ledger.waste_asked import EXAMPLES_MAX
from proxy.outcomes.redefining import NUMBERS
from proxy.web.openapi_schemas import COUNT, TEXT, TEXTS, Schema, parameter, table


def period(dimensions: Mapping[str, Dimension] = DIMENSIONS) -> list[Schema]:
    filters = [
        parameter(name, TEXTS, f"Only calls with this {name}; repeated: any of them.")
        for name, each in dimensions.items()
        if each.unit is None
    ]
    return [
        parameter("since", {**TEXT, "default": "this-month"}, f"Start, included: {FORMS}."),
        parameter("until", {**TEXT, "default": "now"}, "End, not included."),
        parameter("tz", {**TEXT, "default": "UTC"}, "IANA time zone of days and months."),
        *filters,
    ]


def spend_asked() -> list[Schema]:
    names = [*DIMENSIONS, f"{TAG_PREFIX}NAME"]
    return [
        parameter("by", TEXT, f"Dimensions with commas, at most 6: {', '.join(names)}."),
        *period(),
        parameter("compare", {"enum": ["previous"]}, "Beside each row, the period before."),
        parameter("reason", TEXT, "Why other people's rows are looked at; on record, and shown to them."),
    ]


def waste_asked() -> list[Schema]:
    names = [*WASTE_DIMENSIONS, f"{TAG_PREFIX}NAME"]
    return [
        parameter("by", TEXT, f"Dimensions with commas, at most 6: {', '.join(names)}."),
        *hints_asked(),
        parameter("campaigns", {"enum": ["true", "false"], "default": "false"}, "With the runs of redundant calls."),
        parameter("reason", TEXT, "Why other people's rows are looked at; on record, and shown to them."),
    ]


def deployments_asked() -> list[Schema]:
    names = ", ".join(OUTCOME_DIMENSIONS)
    filters = [
        parameter(name, TEXTS, f"Only this {name}; repeated: any of them.")
        for name, each in OUTCOME_DIMENSIONS.items()
        if each.unit is None
    ]
    return [
        parameter("by", TEXT, f"Dimensions with commas: {names}."),
        parameter("since", {**TEXT, "default": "this-month"}, f"Weeks that begin from here on: {FORMS}."),
        parameter("until", {**TEXT, "default": "now"}, "Weeks that begin before."),
        parameter("tz", {"enum": ["UTC"], "default": "UTC"}, "Weeks are ISO weeks in UTC."),
        *filters,
        parameter("reason", TEXT, "Why figures of few persons are looked at; on record, and shown to them."),
    ]


def definition_asked() -> list[Schema]:
    numbers = ", ".join(f"{name}=…" for name in NUMBERS)
    return [
        parameter("definition", TEXT, f"A version, or what differs from the one in force, with commas: {numbers}."),
        parameter("reason", TEXT, "Why figures of few persons are looked at; on record, and shown to them."),
    ]


def hints_asked() -> list[Schema]:
    most = {**COUNT, "minimum": 0, "maximum": EXAMPLES_MAX}
    return [
        *period(WASTE_DIMENSIONS),
        parameter("as_of", TEXT, f"As it was known at this time, which is written as since: {FORMS}."),
        parameter("examples", most, "So many calls of each run, with those that they repeat."),
    ]


def budgets_asked() -> list[Schema]:
    return [
        parameter("budget", TEXTS, "Only budgets of this name; repeated: any of them."),
        parameter("since", TEXT, f"Each window from here on; without since and until the current one. {FORMS}."),
        parameter("until", TEXT, "End, not included; of a rolling budget the window that ends here."),
        parameter("tz", {**TEXT, "default": "UTC"}, "IANA time zone of the times asked for and told."),
        parameter("reason", TEXT, "Why other people's rows are looked at; on record, and shown to them."),
    ]


def acts_asked() -> list[Schema]:
    return [*period({}), parameter("kind", TEXTS, "Only acts of this kind; repeated: any of them.")]


def call_asked() -> list[Schema]:
    return [
        parameter("id", TEXT, "As in an answer's x-outlay-call-id.", "path"),
        parameter("reason", TEXT, "Why another person's call is looked at; on record, and shown to that person."),
    ]


def deployment_asked() -> list[Schema]:
    return [
        parameter("id", TEXT, "Its id, the end of it, the source's own id, or the commit's beginning.", "path"),
        parameter("reason", TEXT, "Why it is to name who had a part in it; on record, and shown to them."),
    ]


def budget() -> Schema:
    return parameter("name", TEXT, "The budget's name.", "path")


def revoked() -> list[Schema]:
    return [
        budget(),
        parameter("id", TEXT, "The grant's id.", "path"),
        parameter("reason", TEXT, "Why; on record."),
    ]


def increases_asked() -> list[Schema]:
    return [parameter("all", {"enum": ["true", "false"], "default": "false"}, "Those that are over, too.")]


def increase_asked() -> Schema:
    required: dict[str, Schema] = {
        "amount": {**TEXT, "description": "As in '50 USD', '20M tokens', '1000 calls'; the budget's own unit."},
        "until": {**TEXT, "description": "A day, a time, or from now on: '7d'."},
        "reason": {**TEXT, "description": "Why; on record."},
    }
    whose: Schema = {**TEXTS, "description": "Values of the budget's `per`, in its order."}
    granted: dict[str, Schema] = {
        "request": {**TEXT, "description": "What a grant answers."},
        "unknown": {"type": "boolean", "description": "Of a grant: `instance` may name what no policy file knows yet."},
    }
    return table(required, optional={"instance": whose, **granted})

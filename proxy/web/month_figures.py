"""What was delivered in a month, as its statement has it, and what has become of that since."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from proxy.finance.statement import Statement, following
from proxy.ledger.outcome_asked import outcomes_asked
from proxy.ledger.outcome_report import outcome_report
from proxy.ledger.people import OPERATOR
from proxy.model.service import Services
from proxy.ports.store import Store
from proxy.web.outcome_document import STANDINGS, outcome_document

RESTATED_MAX: Final = 13
"""Of the newest closed months it is said what their outcomes are now."""
_FIGURES: Final = ("withheld", "deployments", *STANDINGS, "credits", "credited", "normal", "index", "spend_usd")

Outcomes = Mapping[str, Any]


def outcome_figures(store: Store, month: str, services: Services, now_us: int, timeout_s: float) -> Outcomes:
    """Of the ISO weeks that begin in a month, all services together: withheld as in the report without a reason."""
    asked = outcomes_asked([("since", month), ("until", following(month))], now_us)
    report = outcome_report(store, asked, services, OPERATOR, now_us, timeout_s)
    document = outcome_document(report, None)
    baselines = [{name: each[name] for name in ("quarter", "version")} for each in document["baselines"]]
    figures = {name: document["total"][name] for name in _FIGURES}
    return {**figures, "definition": document["definition_version"], "baselines": baselines}


def last_stated(statements: Iterable[Statement]) -> dict[str, Outcomes]:
    """By month, what statements said last of its outcomes."""
    found: dict[str, Outcomes] = {}
    for each in statements:
        found[each.month] = each.head["outcomes"]
        found |= {said["month"]: said["outcomes"] for said in each.head["restated"]}
    return found


def restated(statements: Sequence[Statement], now: Callable[[str], Outcomes]) -> list[dict[str, Any]]:
    """Closed months whose outcomes are no longer those that were stated last, with what they are now."""
    said = last_stated(statements)
    newest = sorted(said)[-RESTATED_MAX:]
    return [{"month": month, "outcomes": found} for month in newest if (found := now(month)) != said[month]]

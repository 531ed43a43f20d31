"""What was delivered in the demo for what was spent, in the words that its end is told with."""

from typing import Any


def sentences(report: dict[str, Any]) -> list[str]:
    """Of the deployments report, for the whole company."""
    total = report["total"]
    if not total["deployments"]:
        return []
    counted = [
        f"{total[name]} {word}"
        for name, word in (
            ("delivered", "delivered"),
            ("pending", "have to last 72 hours first"),
            ("voided", "taken back"),
            ("unverified", "not read yet"),
            ("not_counted", "of nothing new"),
        )
        if total[name]
    ]
    return [
        f"{total['deployments']} deployments reached production: {', '.join(counted)}.",
        *_cost(total),
        *(f"Not yet known: {each}" for each in report["not_yet_known"]),
    ]


def _cost(total: dict[str, Any]) -> list[str]:
    spent, credited = float(total["spend_usd"]), float(total["credited"] or 0)
    if not credited:
        return [f"${spent:,.2f} was spent on building them."]
    if total["cost_basis"] == "chance":
        each = f"${float(total['cost_per_credited_usd']):,.2f} for each"
        sure = f"by chance anything from ${float(total['cost_low_usd']):,.2f} to ${float(total['cost_high_usd']):,.2f}"
    elif total["cost_basis"] == "attribution":
        each = f"${float(total['cost_low_usd']):,.2f} to ${float(total['cost_high_usd']):,.2f} for each"
        sure = "what is attributed to no work is too much for one number"
    else:
        each, sure = "too few for a cost of each", "under 5 credits"
    return [
        f"They are worth {credited:.1f} credited deployments, {float(total['index'] or 0):.2f} times normal weeks "
        f"(by imported history); ${spent:,.2f} was spent on building, {each} ({sure})."
    ]

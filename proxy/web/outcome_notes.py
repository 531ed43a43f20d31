"""What a reader of the deployments report must know: what is withheld, what isn't known yet, and until when."""

from datetime import timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from proxy.ledger.outcome_report import OutcomeReport
from proxy.model.calendar import floor, moment, months_later
from proxy.model.service import HOUR_US
from proxy.outcomes.association import WEEKS_MIN
from proxy.outcomes.quarters import WEEK_US, fingerprint, quarter_name, quarter_us
from proxy.outcomes.verdicts import Standing

_UTC: Final = ZoneInfo("UTC")


def baselines(report: OutcomeReport) -> list[dict[str, Any]]:
    """Of each quarter that the period touches."""
    period = report.asked.period
    first, last = quarter_us(period.since_us), quarter_us(min(period.until_us - 1, report.now_us))
    return [
        {
            "quarter": quarter_name(start_us),
            "version": fingerprint(quarter),
            "services": len(quarter),
            "imported": sum(each.baseline.imported for each in quarter.values()),
            "on_record": sum(each.at_us > 0 for each in quarter.values()),
        }
        for start_us, quarter in sorted(report.cells.baselines.items())
        if first <= start_us <= last
    ]


def notes(report: OutcomeReport) -> list[str]:
    found = ["Outcomes change no budget and nobody's standing."]
    if not report.cells.built_us:
        found.append("Outcomes are being worked out for the first time: nothing of what was delivered is in this yet.")
    if not report.moneyed:
        found.append("Amounts are for finance and admin keys; `outlay report spend` has your own.")
        if report.owned:
            found.append(f"Of projects that you own they show where it is narrowed to them: {', '.join(report.owned)}.")
    short = sorted(each.name for each in report.services.services.values() if each.soak_us < HOUR_US)
    if short:
        found.append(f"Deployments of {_names(short)} count after less than an hour: that is for trying things out.")
    if report.persons:
        found.append(f"This look and its reason are on record, for those it shows to see ({len(report.persons)}).")
    closed = sum(row.delivered is None for row in report.rows) or int(report.total.delivered is None)
    if closed and not report.aligned:
        found.append(
            "What was delivered is told of whole months (from the first of one to the first of another, or until now): "
            "what two reports differ by would tell of single weeks. Ask so, or give a reason."
        )
    elif closed:
        found.append(
            f"What was delivered is withheld in {max(closed, 1):,} rows: fewer than {report.services.persons_min} "
            "persons stand behind them, or others would follow from them. A reason shows them, on record for each "
            "person to see. Money is whole."
        )
    delivered = report.total.delivered
    if delivered is not None and delivered.imported:
        found.append(f"{delivered.imported:,} of {delivered.deployments:,} deployments were read from history.")
    if delivered is not None and delivered.unknown:
        found.append("Some authors are nobody whom access.yaml knows: they don't count as persons, nor as reviewers.")
    return found


def not_yet_known(report: OutcomeReport) -> list[str]:
    """What, and from when on."""
    if not report.services.services and not report.cells.began_us:
        return ["Anything: services.yaml registers no service that anything was told of."]
    return [*_of_services(report), *_of_total(report), *_of_association(report)]


def _of_services(report: OutcomeReport) -> list[str]:
    current = quarter_us(report.now_us)
    known = report.cells.baselines.get(current, {})
    found = []
    without = sorted(name for name in report.services.services if name not in known)
    if without:
        following = months_later(floor("quarter", moment(report.now_us, _UTC)), 3)
        found.append(
            f"A normal week of {_names(without)}, and with it index and credited deployments: from "
            f"{following:%Y-%m-%d} on, if a whole week before it is known; at once where history is imported."
        )
    for each in sorted(report.services.services.values(), key=lambda service: service.name):
        over_us = each.registered_us + report.services.probation_us
        if report.now_us < report.cells.counts_from_us.get(each.name, over_us):
            found.append(
                f"{each.name} is in probation until {moment(over_us, _UTC):%Y-%m-%d}, or until "
                f"{report.services.probation_deployments} deployments have proved it."
            )
    return found


def _of_total(report: OutcomeReport) -> list[str]:
    delivered, found = report.total.delivered, []
    if delivered is None:
        return []
    pending = delivered.standings.get(Standing.PENDING, 0)
    if pending:
        longest = max((each.soak_us for each in report.services.services.values()), default=0)
        last = moment(report.now_us + longest, _UTC)
        found.append(f"Whether {pending:,} pending deployments last: at the latest on {last:%Y-%m-%d}.")
    unverified = delivered.standings.get(Standing.UNVERIFIED, 0)
    if unverified:
        found.append(f"What {unverified:,} unverified deployments brought: once their repositories have a mirror.")
    until_us = report.asked.period.until_us
    if report.now_us - until_us < WEEK_US:
        found.append("The running week, which counts as a whole normal week in the index.")
    return found


def _of_association(report: OutcomeReport) -> list[str]:
    if report.association is not None or not report.cells.began_us:
        return []
    from_ = moment(report.cells.began_us, _UTC) + timedelta(weeks=WEEKS_MIN)
    if from_ > moment(report.now_us, _UTC):
        return [f"Whether spend and credits go together: not below {WEEKS_MIN} weeks, from {from_:%Y-%m-%d} on."]
    return []


def _names(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more services" if len(names) > 5 else shown

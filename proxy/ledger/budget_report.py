"""The budget report: what each account of each budget may spend, has spent, holds and has left, window by window.

What was spent is the same sum that gateways start from (`balances`), and what is held comes from the calls in flight by
the same matcher, so the report says what is enforced, as far as the journal is loaded. Limits are those of the files of
today: what a limit was in a window that is over stands in the policies of then.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Final

from proxy.ledger.balances import GROUPS_MAX, TooManyAccountsError, balances, expression, filled
from proxy.ledger.budget_asked import BudgetsAsked, Window, chosen, windows
from proxy.ledger.budget_people import BudgetPeople, folded
from proxy.ledger.increases import Increase
from proxy.ledger.matched_rules import call_of
from proxy.ledger.people import Directory, Viewer
from proxy.ledger.selection import ParameterError
from proxy.ledger.statements import statement
from proxy.model.call import Hold
from proxy.model.identity import Identity, Project, Role
from proxy.policy.charge import Account, Charge
from proxy.policy.grants import Grant, Grants
from proxy.policy.match import Matcher, facts_of, instance
from proxy.policy.operations import FREE
from proxy.policy.own_budgets import as_owner, is_for, is_of_projects, is_own, own_values
from proxy.policy.rules import Budget, RuleSet
from proxy.ports.balances import BEGINNING, BUDGETS_MAX, AskedBudget
from proxy.ports.store import Store

DEFINITION: Final = (
    "budgets 1: calls by time of admission in the budget's window; spent is settled, held is set aside for calls in "
    "flight, left is limit plus granted less both; limits are those of the policy files of today"
)
OPEN_CALLS_MAX: Final = 100_000
OWN_MAX: Final = 100
"""Instances of one budget that a caller's own calls can count in."""


@dataclass(frozen=True, slots=True)
class BudgetFigures:
    """Of one account, or of several that stand together; amounts in the budget's unit."""

    accounts: int = 1
    limit: int = 0
    granted: int = 0
    spent: int = 0
    held: int = 0
    left: int = 0
    refused: int = 0
    """Calls that it turned away, for good or for a while."""
    shadow_refused: int = 0
    """Calls that it would have turned away, were it enforced."""
    shadow_cost_pico: int = 0
    """What those of them cost that went on."""

    def __add__(self, other: "BudgetFigures") -> "BudgetFigures":
        return BudgetFigures(*(getattr(self, name) + getattr(other, name) for name in FIGURES))


FIGURES: Final = tuple(BudgetFigures.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class BudgetRow:
    window: Window
    instance: tuple[str, ...]
    """Values of the budget's `per`, in its order."""
    figures: BudgetFigures


@dataclass(frozen=True, slots=True)
class BudgetReport:
    asked: BudgetsAsked
    now_us: int
    rows: tuple[BudgetRow, ...]
    """In the order of the file, then by time, then by name."""
    own_only: bool
    projects: tuple[str, ...]
    """Whose accounts he sees as their owner, too."""
    folded: bool
    """True: other people's accounts stand together."""
    withheld: int
    """Budgets that are about other people alone, and left out for want of a reason."""
    persons: tuple[str, ...]
    """Other persons whom the report singles out. The look must be on record before anybody sees it."""


@dataclass(frozen=True, slots=True)
class Asker:
    viewer: Viewer
    identity: Identity | None
    """None: the local operator."""
    directory: Directory
    owned: tuple[Project, ...] = ()
    """Projects whose money he answers for."""

    @property
    def own_only(self) -> bool:
        return self.identity is not None and self.identity.role is Role.DEVELOPER

    def budgets(self, budgets: Iterable[Budget]) -> list[Budget]:
        """Those that this asker may see."""
        return [each for each in budgets if not self.own_only or any(is_for(each, own) for own in self._whose(each))]

    def sees(self, budget: Budget, instance_: Sequence[str]) -> bool:
        return not self.own_only or any(is_own(budget, instance_, own) for own in self._whose(budget))

    def _whose(self, budget: Budget) -> Iterator[Identity]:
        """As whom he may see accounts of this budget: as himself, and as an owner of projects."""
        if self.identity is None:
            return
        yield self.identity
        if is_of_projects(budget, {each.name for each in self.owned}):
            for project in self.owned:
                yield as_owner(self.identity, project)

    def own(self, budget: Budget) -> Iterator[tuple[str, ...]]:
        """Instances that are shown though nothing was spent in them: the one there is, and a developer's own."""
        for whose in self._whose(budget) if self.own_only else ():
            own = own_values(whose)
            if all(name in own for name in budget.per):
                yield from islice(product(*(own[name] for name in budget.per)), OWN_MAX)
        if not (self.own_only or budget.per):
            yield ()


def budget_report(
    store: Store,
    asked: BudgetsAsked,
    budgets: Sequence[Budget],
    increases: Sequence[Increase],
    asker: Asker,
    now_us: int,
    timeout_s: float,
) -> BudgetReport:
    """The report, for this asker; `increases`: all there ever were.

    Raises ParameterError, QueryTimeoutError, StoreError.
    """
    mine = chosen(asked, asker.budgets(budgets))
    spans = [window for budget in mine for window in windows(budget, asked, now_us)]
    sums = _Sums(spans)
    if spans:
        # In flight first: a call that ends meanwhile stands under both for a moment, and never under neither.
        sums.hold(store, timeout_s)
        sums.spend(store, timeout_s)
        sums.refuse(store, timeout_s)
    found = sums.figures(_grants(increases), asker)
    people = BudgetPeople.of(store, found, {each.name: each for each in mine}, asker.viewer, asker.directory, timeout_s)
    return _report(asked, sums, found, asker, people, now_us)


class _Sums:
    """What is known of each account of some windows."""

    def __init__(self, spans: Sequence[Window]) -> None:
        self._spans = spans
        self._by_budget: dict[str, list[Window]] = {}
        for span in spans:
            self._by_budget.setdefault(span.budget.name, []).append(span)
        self.by_account = {(span.budget.name, span.start_us): span for span in spans}
        self._held: Counter[Account] = Counter()
        self._spent: Counter[Account] = Counter()
        self._refused: dict[Account, tuple[int, int, int]] = {}

    def hold(self, store: Store, timeout_s: float) -> None:
        matcher = Matcher(RuleSet(budgets=tuple({span.budget.name: span.budget for span in self._spans}.values())))
        for (row,) in store.read(filled(statement("open_calls"), calls_max=f"{OPEN_CALLS_MAX:d}"), {}, timeout_s):
            call = call_of(row)
            if call.operation in FREE:
                continue
            facts = facts_of(call)
            hold = Hold(row["hold_pico"], row["hold_input_tokens"], row["hold_output_tokens"])
            for budget in matcher.matching(facts).budgets:
                for span in self._by_budget[budget.name]:
                    if span.asked.since_us <= call.opened_us < span.asked.until_us:
                        account = Account(budget.name, instance(budget.per, facts), span.start_us)
                        self._held[account] += Charge(account, budget).takes(hold)

    def spend(self, store: Store, timeout_s: float) -> None:
        rolling = {span.budget.name for span in self._spans if span.asked.bucket_us}
        for part in _parts([span.asked for span in self._spans]):
            try:
                known = balances(store, part, "", BEGINNING, timeout_s)
            except TooManyAccountsError as error:
                raise ParameterError(
                    "since/until", f"{error}; take a shorter period, or name budgets (budget=)"
                ) from None
            for account, standing in known.accounts.items():
                start_us = 0 if account.budget in rolling else account.start_us
                self._spent[account._replace(start_us=start_us)] += standing.total

    def refuse(self, store: Store, timeout_s: float) -> None:
        starts = {(span.budget.name, span.asked.since_us): span for span in self._spans}
        names = sorted({name for span in self._spans for name in span.budget.per})
        values: dict[str, object] = {
            "budgets": [span.budget.name for span in self._spans],
            "sinces": [span.asked.since_us for span in self._spans],
            "untils": [span.asked.until_us for span in self._spans],
            "since_us": min(span.asked.since_us for span in self._spans),
            "until_us": max(span.asked.until_us for span in self._spans),
        }
        parts = [expression(name, f"tag_{number}", values) for number, name in enumerate(names)]
        text = filled(statement("budget_refusals"), values=", ".join(parts), groups_max=f"{GROUPS_MAX:d}")
        for name, since_us, found, enforced, shadow, cost_pico in store.read(text, values, timeout_s):
            span = starts[name, since_us]
            whose = instance(span.budget.per, dict(zip(names, found, strict=True)))
            account = Account(name, whose, span.start_us)
            before = self._refused.get(account, (0, 0, 0))
            self._refused[account] = (before[0] + enforced, before[1] + shadow, before[2] + cost_pico)

    def figures(self, grants: Grants, asker: Asker) -> dict[Account, BudgetFigures]:
        """Of each account that the asker may see."""
        accounts = {*self._held, *self._spent, *self._refused}
        for span in self._spans:
            whose = [*asker.own(span.budget), *grants.instances(span.budget)]
            granted = (each for each in whose if each == () or asker.own_only or self._granted(grants, span, each))
            accounts |= {Account(span.budget.name, each, span.start_us) for each in granted}
        return {
            account: self._of(account, span, grants)
            for account in accounts
            if asker.sees((span := self.by_account[account.budget, account.start_us]).budget, account.instance)
        }

    def _granted(self, grants: Grants, span: Window, whose: tuple[str, ...]) -> int:
        return grants.granted(span.budget, whose, span.at_us)

    def _of(self, account: Account, span: Window, grants: Grants) -> BudgetFigures:
        granted = self._granted(grants, span, account.instance)
        spent, held = self._spent[account], self._held[account]
        left = max(0, span.budget.limit + granted - spent - held)
        refused = self._refused.get(account, (0, 0, 0))
        return BudgetFigures(1, span.budget.limit, granted, spent, held, left, *refused)


def _report(
    asked: BudgetsAsked,
    sums: _Sums,
    found: Mapping[Account, BudgetFigures],
    asker: Asker,
    people: BudgetPeople,
    now_us: int,
) -> BudgetReport:
    rows: dict[Account, BudgetFigures] = {}
    persons: set[str] = set()
    withheld: set[str] = set()
    for account, figures in found.items():
        budget = sums.by_account[account.budget, account.start_us].budget
        others = set() if asker.own_only else people.others(budget, account.instance)
        persons |= others
        if others and not asked.reason and people.pinned(budget):
            # A row of its own would still say whose it is.
            withheld.add(budget.name)
            continue
        whose = folded(budget, account.instance) if others and not asked.reason else account.instance
        row = account._replace(instance=whose)
        rows[row] = rows[row] + figures if row in rows else figures
    order = {key: place for place, key in enumerate(sums.by_account)}
    return BudgetReport(
        asked=asked,
        now_us=now_us,
        rows=tuple(
            BudgetRow(sums.by_account[each.budget, each.start_us], each.instance, rows[each])
            for each in sorted(rows, key=lambda each: (order[each.budget, each.start_us], each.instance))
        ),
        own_only=asker.own_only,
        projects=tuple(each.name for each in asker.owned),
        folded=bool(persons) and not asked.reason,
        withheld=len(withheld),
        persons=tuple(sorted(persons)) if asked.reason else (),
    )


def _grants(increases: Iterable[Increase]) -> Grants:
    """Those that were not taken back; of one that was, nobody says here until when it ran."""
    kept = [each for each in increases if each.kind == "grant" and each.state != "revoked"]
    return Grants(
        Grant(each.id, wish.budget, wish.instance, wish.unit, wish.amount, each.at_us, wish.until_us)
        for each in kept
        for wish in (each.wish,)
    )


def _parts(questions: Sequence[AskedBudget]) -> Iterator[Sequence[AskedBudget]]:
    for start in range(0, len(questions), BUDGETS_MAX):
        yield questions[start : start + BUDGETS_MAX]

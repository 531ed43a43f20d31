"""budgets.yaml, `budgets`: how much money, how many tokens or calls, in which time, and what happens at its end."""

import re
from collections.abc import Iterator
from typing import Final, Literal, get_args
from zoneinfo import ZoneInfo, available_timezones

from proxy.policy import slips
from proxy.policy.amounts import RULE as AMOUNT_RULE
from proxy.policy.amounts import UNIT_WORDS, Amount, amount, count, percent, unit_of, word_of
from proxy.policy.document import Word
from proxy.policy.downgrade_target import out_of_reach
from proxy.policy.globs import is_plain
from proxy.policy.mistakes import nearest, shown, suggestion
from proxy.policy.rule_yaml import PER, RULE, Known, RuleNames, check_known, limited, of_rule, read_per, read_rule
from proxy.policy.rules import Budget, Rule, Unit, Window
from proxy.policy.section import Section

BUDGET: Final = {
    **RULE,
    **PER,
    "limit": "limit: 500 USD",
    "window": "window: month",
    "timezone": "timezone: Europe/Berlin",
    "warn_at": "warn_at: [50%, 80%]",
    "action": "action: refuse",
    "downgrade": "downgrade: {to: gpt-5-mini}",
    "on_cap": "on_cap: cut",
    "reserve": "reserve: 5%",
    "count_refused": "count_refused: true",
}
DOWNGRADE: Final = {"to": "downgrade: {to: gpt-5-mini}"}
Kind = Literal["hour", "day", "week", "month", "quarter", "year", "total"]
WINDOWS: Final[tuple[Kind, ...]] = get_args(Kind)
"""Besides rolling ones."""
ROLLING_PATTERN: Final = r"\d{1,4}[hd]"
Action = Literal["refuse", "warn", "throttle", "downgrade"]
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)
ON_CAP: Final = ("cut", "finish")
ROLLING_DAYS_MAX: Final = 366
THROTTLE_S_MAX: Final = 86400
"""Longest window of a budget that throttles: its callers are told to come back when there is room again."""
MODEL_CHARS_MAX: Final = 200

_ROLLING: Final = re.compile(r"(\d{1,4})([hd])", re.ASCII)
_UNIT_S: Final = {"h": 3600, "d": 86400}
_NO_AMOUNT: Final = Amount(Unit.USD, 0)


def read_budgets(top: Section, names: RuleNames, known: Known) -> tuple[Budget, ...]:
    return tuple(_budgets(top, names, known, read_zone(top, "UTC")))


def _budgets(top: Section, names: RuleNames, known: Known, zone: str) -> Iterator[Budget]:
    for section in limited(top.sections("budgets", BUDGET, "a budget"), top.mistakes, "budgets"):
        rule = read_rule(section, names, known)
        section.require("limit", "window")
        limit = read_amount(section, "limit") or _NO_AMOUNT
        action = _action(section)
        budget = Budget(
            name=rule.name,
            where=rule.where,
            scope=rule.scope,
            mode=rule.mode,
            contact=rule.contact,
            per=read_per(section),
            unit=limit.unit,
            limit=limit.quantity,
            window=_window(section, zone),
            warn_at=_warn_at(section),
            action=action,
            downgrade_to=read_downgrade(section, rule, known),
            on_cap=section.choice("on_cap", ON_CAP, ON_CAP[0]),
            reserve=_reserve(section, limit),
            count_refused=section.flag("count_refused"),
        )
        _contradictions(section, budget)
        yield budget


def read_zone(section: Section, default: str) -> str:
    """An IANA name that this machine's data know."""
    zone = section.text("timezone")
    if not zone:
        return default
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, KeyError):
        # A folder of zones ("Europe") is an OSError, an unknown one a KeyError, a path out of the data a ValueError.
        by_lower = {name.lower(): name for name in available_timezones()}
        near = by_lower.get(zone.lower()) or slips.zone(zone) or nearest_zone(zone)
        hint = f"did you mean '{near}'?" if near else "it is a name of the IANA time zones"
        section.wrong("timezone", f"can't be {shown(zone)}: {hint}")
        return default
    return zone


def nearest_zone(zone: str) -> str:
    """Compared without regard to case, by the city first: people know the city and misspell the continent."""
    zones = sorted(available_timezones())
    cities = {name.rpartition("/")[2].lower(): name for name in zones if "/" in name and not name.startswith("posix")}
    city = nearest(
        zone.rpartition("/")[2], [each for each in cities if each[:1] == zone.rpartition("/")[2][:1].lower()]
    )
    return cities.get(city, "")


def read_amount(section: Section, name: str) -> Amount | None:
    """Money, tokens or calls, exact; None where it isn't written or is a mistake."""
    text = section.text(name)
    found = amount(text)
    if text and found is None:
        unit, written = unit_of(text), slips.amount(text)
        if written and amount(written):
            section.wrong(name, f"can't be {shown(text)}: did you mean '{written}'?", f"{name}: {written}")
            return None
        if count(text) is not None:
            fitting = UNIT_WORDS if name == "limit" else (section.example(name).split()[-1],)
            units = ", ".join(f"'{text} {word}'" for word in fitting)
            section.wrong(name, f"can't be {shown(text)}, which has no unit: did you mean {units}?")
            return None
        if unit and unit not in UNIT_WORDS:
            lower = {word.lower(): word for word in UNIT_WORDS}
            near = lower.get(unit.lower()) or lower.get(f"{unit.lower()}s")
            hint = f"did you mean '{near}'?" if near else slips.currency(unit) or suggestion(unit, UNIT_WORDS)
            section.wrong(name, f"can't be in {shown(unit)}: {hint}")
        else:
            section.wrong(
                name, f"can't be {shown(text)}: {slips.currency(text.strip('0123456789., kMB')) or AMOUNT_RULE}"
            )
    return found


def read_downgrade(section: Section, rule: Rule, known: Known) -> str:
    """The model that calls go to instead; '' where it isn't written."""
    table = section.section("downgrade", DOWNGRADE, "downgrade")
    if table is None or not table.require("to"):
        return ""
    model = table.text("to", MODEL_CHARS_MAX)
    if not is_plain(model):
        table.wrong("to", f"can't be {shown(model)}: it is one model, not a pattern")
    elif rule.scope.conditions.get("model") == (model,):
        table.wrong("to", f"can't be {shown(model)}: that is the only model that this rule is for")
    else:
        place = table.node("to") or section.table
        check_known(section.mistakes, "model", place, known, of_rule(rule.name))
        far = out_of_reach(model, rule.scope, known.providers or {}, known.sellers)
        if far:
            section.mistakes.warn(place, f"{of_rule(rule.name)}{far}")
    return model


def _action(section: Section) -> Action:
    """`downgrade: {to: …}` says the action too."""
    default: Action = "refuse" if section.node("downgrade") is None else "downgrade"
    action = section.choice("action", ACTIONS, default)
    if action == "downgrade" and section.node("downgrade") is None:
        section.wrong("action", "downgrade needs the model to go to", DOWNGRADE["to"])
    elif action != "downgrade" and section.node("downgrade") is not None:
        section.wrong("downgrade", f"contradicts action: {action}; take one of the two out")
    return action


def _window(section: Section, zone: str) -> Window:
    text = section.text("window")
    own_zone = read_zone(section, zone)
    for kind in WINDOWS:
        if text == kind:
            if kind == "total":
                _zone_is_idle(section)
            return Window(kind, zone="UTC" if kind == "total" else own_zone)
    found = _ROLLING.fullmatch(text)
    seconds = int(found[1]) * _UNIT_S[found[2]] if found else 0
    if 0 < seconds <= ROLLING_DAYS_MAX * 86400:
        _zone_is_idle(section)
        return Window("rolling", length_s=seconds)
    if text:
        rolling = slips.rolling(text)
        near = rolling if rolling != text else ""
        near = near or slips.meant(text, WINDOWS) or nearest(text, WINDOWS)
        hint = f"did you mean '{near}'?" if near else f"known: {', '.join(WINDOWS)}"
        section.wrong(
            "window", f"can't be {shown(text)}: {hint} (or the last hours or days, from 1h to {ROLLING_DAYS_MAX}d)"
        )
    return Window("month", zone=own_zone)


def _zone_is_idle(section: Section) -> None:
    node = section.node("timezone")
    if node is not None:
        section.mistakes.warn(node, "timezone changes nothing here: this window knows no midnight")


def _warn_at(section: Section) -> tuple[int, ...]:
    levels: set[int] = set()
    for word in section.words("warn_at"):
        level = percent(word.text)
        if level is None:
            section.mistakes.add(
                word,
                f"warn_at can't have {shown(word.text)}: a level is whole per cent of the limit, from 1% to 100%",
                BUDGET["warn_at"],
            )
        else:
            levels.add(level)
    return tuple(sorted(levels))


def _reserve(section: Section, limit: Amount) -> int:
    """In the limit's unit. Of a percentage, what is a whole part of the unit."""
    text = section.text("reserve")
    share = percent(text)
    if share is not None:
        found: Amount | None = Amount(limit.unit, limit.quantity * share // 100)
    else:
        found = read_amount(section, "reserve")
    if found is None or section.node("limit") is None:
        return 0
    if found.unit is not limit.unit:
        section.wrong("reserve", f"is in {word_of(found.unit)}, and the limit in {word_of(limit.unit)}")
    elif found.quantity >= limit.quantity:
        section.wrong("reserve", "must be smaller than the limit, which it is a part of")
    return found.quantity


def _contradictions(section: Section, budget: Budget) -> None:
    """Settings that void each other: what such a budget does would be a guess."""
    calls = budget.unit is Unit.CALLS
    written = {name for name in ("on_cap", "reserve", "count_refused") if isinstance(section.node(name), Word)}
    if budget.on_cap == "finish" and "reserve" not in written:
        section.wrong("on_cap", "finish needs a reserve to finish from", BUDGET["reserve"])
    if "reserve" in written and budget.on_cap != "finish":
        section.wrong("reserve", "is only used with on_cap: finish", "on_cap: finish")
    findings = (
        ("on_cap", "on_cap" in written and budget.action == "warn", "contradicts action: warn, which ends nothing"),
        ("on_cap", "on_cap" in written and calls, "has no use for a limit in calls, which no stream outgrows"),
        (
            "downgrade",
            calls and bool(budget.downgrade_to),
            "has no use for a limit in calls: by any model it is one call",
        ),
        ("count_refused", budget.count_refused and not calls, "is for limits in calls: a refused call costs nothing"),
        (
            "count_refused",
            budget.count_refused and budget.action == "throttle",
            "contradicts action: throttle: callers that come back would keep themselves out",
        ),
    )
    for name, found, message in findings:
        if found:
            section.wrong(name, message)
    if budget.action == "throttle" and not _ends_soon(budget.window):
        section.wrong(
            "action",
            "throttle needs a window of a day or less: callers are told to come back when there is room again",
            "window: day",
        )


def _ends_soon(window: Window) -> bool:
    return window.kind in ("hour", "day") or (window.kind == "rolling" and window.length_s <= THROTTLE_S_MAX)

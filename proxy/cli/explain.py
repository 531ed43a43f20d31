"""`outlay policy explain`: one call whole, for whoever asks why it cost what it cost or was refused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from proxy.cli.configured import configured
from proxy.cli.connection import ask
from proxy.cli.visible import visible

_DID: Final = {
    "refuse": "refused this call",
    "throttle": "told this call to wait",
    "downgrade": "sent it to another model",
    "limit output": "lowered its output limit",
    "cut": "ended its answer at the cap",
    "warn": "had its answer say so",
    "serve": "gave it an answer that was kept",
    "coalesce": "had it share the answer of a call under way",
    "count": "counted it",
    "": "let it pass",
}
_ACTED: Final = {
    "warned": "its answer said so",
    "served": "it got an answer that was kept",
    "coalesced": "it shared the answer of a call under way",
    "throttled": "it was told to wait",
    "justify": "it was refused until it says why",
    "refused": "it was refused",
}


def explain(
    call_id: Annotated[str, typer.Argument(metavar="CALL_ID", help="From an answer's x-outlay-call-id header.")],
    reason: Annotated[
        str, typer.Option(help="Why you look at another person's call. It goes on record and they can see it.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data: Annotated[Path | None, typer.Option("--data", help="Ask this data folder, whatever server is known.")] = None,
) -> None:
    """Show one call: who, what, usage, price, cost by kind, timings, the decision and the rules behind it."""
    parameters = [("reason", reason)] if reason else []
    path = f"/v1/calls/{quote(call_id, safe='')}"
    answer = ask(configured(data=data), path, parameters, here=data is not None)
    if as_json:
        typer.echo(answer.content)
        return
    from proxy.cli import tables

    tables.sections(_parts(visible(answer.json())))


def _parts(document: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The document in the order in which a person reads it."""
    heading = {name: document[name] for name in ("state", "opened_at", "settled_at") if name in document}
    parts: list[tuple[str, Mapping[str, Any]]] = [
        (document["id"], heading),
        ("Who", document["who"]),
        ("What", {name: value for name, value in document["what"].items() if value not in ("", None, {})}),
    ]
    if "decision" in document:
        parts.append(("Decision", document["decision"]))
    refused = document["state"] == "refused"
    parts += [(f"Rule {rule['name']}", _rule(rule, refused=refused)) for rule in document["rules"]]
    if "redundancy" in document:
        parts.append(("Redundancy", _redundancy(document["redundancy"])))
    if "hold" in document:
        parts.append(("Held while it runs", document["hold"]))
    if "usage" in document:
        parts += [
            ("Served", document["served"]),
            ("Usage", {**document["usage"], "estimated": document["estimated"]}),
            ("Cost in USD", {**document["cost_by_kind_usd"], "total": document["cost_usd"]}),
            ("Price", document["price"]),
            ("Milliseconds from admission", document["timing_ms"]),
            ("Edits", {"splices": document["edits"]}),
        ]
    return [*parts, ("Policy", document["policy"]), ("Journal", document["journal"])]


def _redundancy(found: Mapping[str, Any]) -> dict[str, Any]:
    """What of the call repeats earlier work, as a person reads it."""
    above = "flagged" if found["flagged"] else "not flagged"
    hidden, named = found["repeats_not_shown"], found["named_later"]
    facts = {
        "class": found["class"],
        "score": f"{found['score']:g}, {above} ({found['flagged_from']:g} by default)" if found["class"] else "",
        "exempted": found["exempted"],
        "did": _ACTED.get(found["action"], found["action"]),
        "saved": f"{found['saved_usd']} USD" if found["saved_usd"] != "0.00" else "",
        "run": found["campaign"],
        "repeats": [*found["repeats"], *([f"{hidden} more that you may not see here"] if hidden else [])],
        "later": f"put to the run {named['campaign']} ({named['class']}) at {_time(named['at'])} UTC" if named else "",
    }
    return {name: text for name, text in facts.items() if text}


def _rule(rule: Mapping[str, Any], *, refused: bool) -> dict[str, Any]:
    """One rule that applied, as a person reads it."""
    if not rule["kind"]:
        return {"did": rule["did"] or "-", "why": "the files of this policy version are not kept here"}
    facts = {
        "where": f"{rule['where']} ({rule['kind']}{', shadow mode' if rule['mode'] == 'shadow' else ''})",
        "did": _did(rule, refused=refused),
        "because": _because(rule["because"]),
        "says": rule["says"],
        "ask": rule["contact"],
    }
    for squeeze in rule["squeezed"]:
        facts[f"then ({squeeze['did']})"] = _squeezed(squeeze)
    account = rule["account"]
    if account:
        facts["account"] = _place(account)
        facts["charged"] = "" if refused and rule["did"] != "count" else account["charged"]
    return {name: text for name, text in facts.items() if text}


def _squeezed(squeeze: Mapping[str, str]) -> str:
    """The budget's numbers at the moment at which it had no room."""
    unit = squeeze["unit"]
    parts = [f"{name} {squeeze[name]} {unit}" for name in ("limit", "spent", "held", "left")]
    if squeeze["reserve"].strip("0."):
        parts.append(f"kept for answers that have begun {squeeze['reserve']} {unit}")
    parts.append(f"needed {squeeze['needed']} {unit}")
    tokens = " tokens of output" if squeeze["did"] == "limit output" else ""
    changed = f"; {squeeze['before']} → {squeeze['after']}{tokens}" if squeeze["after"] else ""
    return ", ".join(parts) + changed


def _did(rule: Mapping[str, Any], *, refused: bool) -> str:
    did = str(rule["did"])
    would = did.removeprefix("shadow: ")
    if would != did:
        return f"nothing; in force it would have been: {would}"
    if refused and not did:
        return "nothing: the call was refused anyway"
    if rule["mode"] == "shadow":
        return "nothing, and in force it would have changed nothing either"
    return _DID.get(did, did)


def _because(fits: list[Mapping[str, str]]) -> str:
    if not fits:
        return "it is for every call"
    return ", ".join(_fit(**fit) for fit in fits)


def _fit(dimension: str, value: str, fits: str) -> str:
    return f"{dimension} is {value}" if fits in (value, "") else f"{dimension} {value or '(none)'} fits {fits}"


def _place(account: Mapping[str, Any]) -> str:
    of = ", ".join(f"{name} {value or '(none)'}" for name, value in account["instance"].items())
    when = f"{_time(account['since'])} to {_time(account['until'])} UTC" if account["until"] else ""
    return ", ".join(filter(None, (of, when))) or "one for all"


def _time(text: str) -> str:
    return text[:16].replace("T", " ")

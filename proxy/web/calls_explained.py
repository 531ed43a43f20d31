"""A call explained: everything the ledger knows about one, in the order in which people ask."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from proxy.ledger.calls import FoundCall, find_call
from proxy.ledger.found_call import FoundOfCall, found_of_call
from proxy.ledger.matched_rules import matched_rules
from proxy.model.money import pico_to_usd
from proxy.model.usage import KINDS
from proxy.policy.types import PolicySet
from proxy.ports.store import Store
from proxy.web.control_answers import json_answer
from proxy.web.control_auth import Authentication
from proxy.web.control_reading import Desk, reason_alone
from proxy.web.reports import iso
from proxy.web.rules_document import rules_document

_WHO: Final = ("owner", "owner_kind", "team", "project", "cost_center", "purpose", "key_id")
_WHAT: Final = ("dialect", "operation", "provider", "account", "model", "stream", "client", "session")
_MORE: Final = (
    *("agent", "repository", "branch", "commit_id", "work_item", "justification", "retry"),
    *("fingerprint", "hash_key", "tags", "trace"),
)
_SERVED: Final = ("served_model", "service_tier", "region", "speed", "variant", "request_id")
_TIMES: Final = ("upstream_us", "first_byte_us", "total_us")
_RENAMED: Final = {"owner": "user", "key_id": "key", "commit_id": "commit", "served_model": "model"}


@dataclass(frozen=True, slots=True)
class CallsExplained:
    desk: Desk
    authentication: Authentication
    policies: Callable[[str], PolicySet | None]
    """Those of a version; None where its files are not in the data folder, or this program can't read them."""

    async def explain(self, request: Request) -> Response:
        """GET /v1/calls/{id}?reason="""
        viewer = self.authentication.viewer(request)
        reason = reason_alone(request)
        call_id = request.path_params["id"]

        def read(store: Store, timeout_s: float) -> tuple[FoundCall, FoundOfCall | None]:
            found = find_call(store, call_id, viewer, reason, timeout_s)
            if found.state == "in_flight":
                return found, None
            return found, found_of_call(store, found.row, viewer, found.person, timeout_s)

        found, redundancy = await self.desk.read(read)
        persons = [found.person] if found.person else []
        await self.desk.record(viewer, persons, reason, {"report": "call", "call": call_id})
        # In a thread: a large folder takes a second or two to read.
        return json_answer(await asyncio.to_thread(self._document, found, redundancy))

    def _document(self, found: FoundCall, redundancy: FoundOfCall | None) -> dict[str, Any]:
        row = found.row
        policies = self.policies(row["policy"])
        document = {
            "id": row["id"],
            "state": found.state,
            "opened_at": iso(row["opened_us"]),
            "who": _named(row, _WHO),
            "what": _named(row, _WHAT),
            "policy": {"version": row["policy"], "kept": policies is not None},
            "rules": rules_document(matched_rules(policies, row)),
            "journal": {
                "segment": f"{row['node']}/{row['boot']:08d}-{row['number']:08d}.jsonl",
                "offset": row["line_offset"],
            },
        }
        if found.state == "in_flight":
            return document | {"hold": _hold(row)}
        if redundancy is not None and redundancy.said:
            document["redundancy"] = _redundancy(redundancy)
        document["what"] |= _named(row, _MORE)
        decision = {"status": row["status"], "matched": row["matched"], "shadow": row["shadow"]}
        if found.state == "refused":
            said = {name: row[name] for name in ("reason", "rule", "message")}
            return document | {"decision": {"admitted": False, **said, **decision}}
        return document | {"decision": {"admitted": True, "outcome": row["outcome"], **decision}} | _consumed(row)


def _consumed(row: Mapping[str, Any]) -> dict[str, Any]:
    kinds = [kind for kind in KINDS if row[kind] or row[f"cost_{kind}"]]
    return {
        "settled_at": iso(row["settled_us"]),
        "served": _named(row, _SERVED),
        "usage": {kind: row[kind] for kind in kinds},
        "estimated": row["estimated"],
        "price": {"id": row["price_id"], "unpriced": row["unpriced"]},
        "cost_usd": pico_to_usd(row["cost_pico"]),
        "cost_by_kind_usd": {kind: pico_to_usd(row[f"cost_{kind}"]) for kind in kinds},
        "timing_ms": {name.removesuffix("_us"): row[name] / 1000 for name in _TIMES},
        "edits": row["edits"],
    }


def _redundancy(found: FoundOfCall) -> dict[str, Any]:
    named = found.named
    return {
        "class": found.waste_class,
        "score": found.score_milli / 1000,
        "flagged_from": found.threshold_milli / 1000,
        "flagged": found.flagged,
        "campaign": found.campaign,
        "exempted": found.exempted,
        "action": found.action,
        "saved_usd": pico_to_usd(found.saved_pico),
        "repeats": found.repeats,
        "repeats_not_shown": found.not_shown,
        "named_later": None
        if named is None
        else {"campaign": named.campaign, "class": named.waste_class, "at": iso(named.at_us)},
    }


def _hold(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "cost_usd": pico_to_usd(row["hold_pico"]),
        "input_tokens": row["hold_input_tokens"],
        "output_tokens": row["hold_output_tokens"],
    }


def _named(row: Mapping[str, Any], columns: tuple[str, ...]) -> dict[str, Any]:
    return {_RENAMED.get(name, name): row[name] for name in columns}

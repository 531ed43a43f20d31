"""Increases of budgets over HTTP: asked for with any key that a budget is for, granted and revoked by admins."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_bytes
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from proxy.ledger.budget_levels import PERSONAL
from proxy.ledger.grant_book import GrantBook
from proxy.ledger.increases import GRANTED, REQUESTED, Increase, UnknownBudgetError, Wish, revocation
from proxy.ledger.people import OTHER_PEOPLE, REASON_CHARS_MAX, ForbiddenError, Viewer
from proxy.ledger.selection import ParameterError
from proxy.model.identity import Identity, Role
from proxy.model.money import pico_to_usd
from proxy.policy.amounts import UNIT_WORDS, amount
from proxy.policy.mistakes import shown, suggestion
from proxy.policy.own_budgets import is_for, is_own, own_values
from proxy.policy.rule_yaml import known_names, unknown
from proxy.policy.rules import Budget, Unit
from proxy.policy.section import duration_s, moment
from proxy.policy.types import PolicySet
from proxy.web.control_answers import json_answer
from proxy.web.control_auth import Authentication, local
from proxy.web.json_body import json_body

UNTIL_MAX_US: Final = 366 * 86_400_000_000
REQUESTS_MAX: Final = 20
"""Of one caller, that nobody has answered yet."""
INSTANCE_CHARS_MAX: Final = 200
"""As much of a value as the journal keeps."""

Endpoint = Callable[[Request], Awaitable[Response]]


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a request or grant."""

    amount: str
    until: str
    reason: str
    instance: list[str] = []
    """Values of the budget's `per`, in its order."""
    request: str = ""
    """Of a grant: which request it answers."""
    unknown: bool = False
    """Of a grant: `instance` may name what no policy file knows yet."""


@dataclass(frozen=True, slots=True)
class BudgetIncreases:
    authentication: Authentication
    book: GrantBook

    def routes(self) -> list[tuple[str, str, Endpoint]]:
        """Method, path and what answers it. Names of budgets may hold a slash."""
        return [
            ("GET", "/v1/budgets/increases", self.list),
            ("POST", "/v1/budgets/{name:path}/requests", self.request),
            ("POST", "/v1/budgets/{name:path}/grants", self.grant),
            ("DELETE", "/v1/budgets/{name:path}/grants/{id}", self.revoke),
        ]

    async def list(self, request: Request) -> Response:
        """GET /v1/budgets/increases?all=true: those that run, or all there ever were, newest first."""
        identity = self.authentication.identity(request)
        viewer = _viewer(identity, request)
        for name, value in request.query_params.multi_items():
            if (name, value) not in (("all", "true"), ("all", "false")):
                raise ParameterError(name[:80], "there is only all=true")
        found = await self.book.increases(0 if request.query_params.get("all") == "true" else None)
        budgets = {each.name: each for each in self.authentication.policies().rules.budgets}
        rows = [
            _row(each, budgets.get(each.wish.budget), viewer) for each in found if _may_see(each, budgets, identity)
        ]
        return json_answer({"rows": rows})

    async def request(self, request: Request) -> Response:
        """POST /v1/budgets/{name}/requests: on record for admins to see. It changes nothing yet."""
        identity = self.authentication.identity(request)
        budget = self._budget(request, identity)
        wish = self._wish(await json_body(request, _Asked), budget, identity)
        viewer = _viewer(identity, request)
        open_ = [each for each in await self.book.increases() if each.state == "open" and each.actor == viewer.name]
        if len(open_) >= REQUESTS_MAX:
            raise ParameterError(
                "request", f"{len(open_)} of yours are open already; an admin has to see to them first"
            )
        act = wish.act(REQUESTED, viewer, self.authentication.now_us(), token_bytes(4))
        await self.book.record(act)
        return json_answer({"id": act.id, "state": "open", **_said(wish)}, 201)

    async def grant(self, request: Request) -> Response:
        """POST /v1/budgets/{name}/grants: in force once it is answered, in each gateway within a second."""
        admin = self._admin(request)
        asked = await json_body(request, _Asked)
        if asked.request:
            request_ = await self._found(asked.request, "request", request.path_params["name"])
            if request_.state != "open":
                raise ParameterError(
                    "request", f"{asked.request} is {request_.state} already; without it, more is given on top"
                )
            if asked.instance and asked.instance != list(request_.wish.instance):
                raise ParameterError("instance", f"{asked.request} is for another; a request says itself whose it is")
            asked.instance = list(request_.wish.instance)
        wish = self._wish(asked, self._budget(request, None), None)
        if not asked.unknown and not asked.request:
            self._check_known(wish)
        act = wish.act(GRANTED, admin, self.authentication.now_us(), token_bytes(4))
        published = await self.book.record(act)
        return json_answer({"id": act.id, "state": "in force" if published else "on record", **_said(wish)}, 201)

    async def revoke(self, request: Request) -> Response:
        """DELETE /v1/budgets/{name}/grants/{id}?reason="""
        admin = self._admin(request)
        reason = _reason(request.query_params.get("reason", ""))
        grant = await self._found(request.path_params["id"], "grant", request.path_params["name"])
        if grant.state == "in force":
            now_us = self.authentication.now_us()
            await self.book.record(revocation(grant, admin, reason, now_us, token_bytes(4)))
        return json_answer({"id": grant.id, "state": "revoked" if grant.state == "in force" else grant.state})

    def _admin(self, request: Request) -> Viewer:
        viewer = self.authentication.viewer(request)
        if viewer.role is not Role.ADMIN:
            raise ForbiddenError("This needs an admin key. `outlay budget request` asks an admin for it.")
        return viewer

    def _budget(self, request: Request, identity: Identity | None) -> Budget:
        """The budget that the path names, if it is for this caller; None: for anybody."""
        name = request.path_params["name"]
        budgets = self.authentication.policies().rules.budgets
        own = {each.name: each for each in budgets if identity is None or is_for(each, identity)}
        if name not in own:
            raise UnknownBudgetError(f"No budget of yours is named {shown(name)}: {suggestion(name, own)}")
        return own[name]

    def _wish(self, asked: _Asked, budget: Budget, identity: Identity | None) -> Wish:
        return Wish(
            budget=budget.name,
            instance=_instance(budget, asked.instance, identity, self.authentication.policies()),
            unit=budget.unit,
            amount=_amount(asked.amount, budget),
            until_us=_until(asked.until, self.authentication.now_us()),
            reason=_reason(asked.reason),
            request=asked.request,
        )

    def _check_known(self, wish: Wish) -> None:
        """A grant for a misspelt name would help nobody, and nobody would notice."""
        policies = self.authentication.policies()
        known = known_names(policies.access, policies.providers, policies.keys)
        budget = next(each for each in policies.rules.budgets if each.name == wish.budget)
        for dimension, value in zip(budget.per, wish.instance, strict=True):
            if dimension in known.names and value not in known.names[dimension]:
                bare = value.removeprefix(f"{dimension}=")
                if bare != value and bare in known.names[dimension]:
                    raise ParameterError("instance", f"it is the value alone, {shown(bare)}, not {shown(value)}")
                raise ParameterError(
                    "instance",
                    f"{unknown(dimension, value, known)} (if it is about to come: `--unknown`, `unknown` in JSON)",
                )

    async def _found(self, id_: str, kind: str, budget: str) -> Increase:
        for each in await self.book.increases():
            if (each.id, each.kind, each.wish.budget) == (id_, kind, budget):
                return each
        raise UnknownBudgetError(f"The budget {shown(budget)} has no {kind} {shown(id_)} that still runs.")


def _instance(budget: Budget, given: Sequence[str], identity: Identity | None, policies: PolicySet) -> tuple[str, ...]:
    """Which instance of the budget is meant; a developer's own."""
    per, own = budget.per, own_values(identity) if identity else {}
    if not given and all(own.get(name) for name in per):
        given = [own[name][0] for name in per]
    if len(given) != len(per) or any(len(value) > INSTANCE_CHARS_MAX for value in given):
        each = f"for each {', '.join(per)}: say which, in this order" if per else "one for all: there is nothing to say"
        raise ParameterError("instance", f"{budget.name} is {each}")
    names = policies.access.names
    values = tuple(names.get(value, value) if name == "user" else value for name, value in zip(per, given, strict=True))
    for name, value in zip(per, values, strict=True):
        if name in own and value not in own[name]:
            raise ForbiddenError(f"{name} {shown(value)} is not yours: ask for your own, or let an admin grant it.")
    return values


def _amount(text: str, budget: Budget) -> int:
    word = next(word for word, unit in UNIT_WORDS.items() if unit is budget.unit)
    found = amount(text.strip()) or amount(f"{text.strip()} {word}")
    if found is None or found.unit is not budget.unit or not found.quantity:
        raise ParameterError("amount", f"{shown(text[:80])} is no amount in {word}, as {budget.name} counts: 50 {word}")
    if not budget.limit:
        raise ParameterError("amount", f"{budget.name} has a limit of zero, which is a ban: the file must change")
    return found.quantity


def _until(text: str, now_us: int) -> int:
    """A day, a time, or from now on."""
    try:
        length_s = duration_s(text)
        found_us = now_us + int(length_s * 1e6) if length_s else int(moment(text).timestamp() * 1e6)
    except ValueError:
        raise ParameterError(
            "until", "write a day (2027-01-01), a time (2027-01-01T12:00Z), or from now on (7d)"
        ) from None
    if not now_us < found_us <= now_us + UNTIL_MAX_US:
        raise ParameterError("until", "it is a time to come, at most a year from now")
    return found_us


def _reason(text: str) -> str:
    reason = text.strip()
    if not reason or len(reason) > REASON_CHARS_MAX or not reason.isprintable():
        raise ParameterError("reason", f"say why, in one line of at most {REASON_CHARS_MAX} characters")
    return reason


def _viewer(identity: Identity | None, request: Request) -> Viewer:
    if identity is None:
        return local(request)
    return Viewer(identity.owner, identity.owner_kind, identity.role, key_id=identity.key_id)


def _may_see(each: Increase, budgets: Mapping[str, Budget], identity: Identity | None) -> bool:
    """Finance and admins see all; others what they asked for, and what is granted to what their calls count in."""
    if identity is None or identity.role is not Role.DEVELOPER:
        return True
    budget = budgets.get(each.wish.budget)
    if each.kind == "request" or budget is None or len(budget.per) != len(each.wish.instance):
        return each.actor == identity.owner
    return is_own(budget, each.wish.instance, identity)


def _row(each: Increase, budget: Budget | None, viewer: Viewer) -> dict[str, Any]:
    """Who asks an admin means to be seen by admins; others see that somebody asked."""
    sees_persons = viewer.role is not Role.FINANCE
    personal = budget is None or not PERSONAL.isdisjoint(budget.per)
    said = _said(each.wish)
    if not sees_persons and personal:
        said["instance"] = [OTHER_PEOPLE for _ in each.wish.instance]
    hidden = not sees_persons and each.kind == "request" and each.actor != viewer.name
    return {
        "id": each.id,
        "kind": each.kind,
        "state": each.state,
        "at": _iso(each.at_us),
        "actor": OTHER_PEOPLE if hidden else each.actor,
        **said,
        "revoked_by": each.ended_by,
        "revoked_because": each.ended_reason,
    }


def _said(wish: Wish) -> dict[str, Any]:
    return {
        "budget": wish.budget,
        "instance": list(wish.instance),
        "amount": f"{pico_to_usd(wish.amount)} USD" if wish.unit is Unit.USD else f"{wish.amount} {wish.unit}",
        "until": _iso(wish.until_us),
        "reason": wish.reason,
        "request": wish.request,
    }


def _iso(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="seconds")

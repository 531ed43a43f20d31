"""Editing: the named splices that a call gets before it is sent. Every other byte goes as it came."""

from dataclasses import field, replace

from proxy.dialects.dialect import MAX_TOKENS, MODEL, Dialect, Operation, Splice
from proxy.gateway.rules import Rules
from proxy.model.call import Request
from proxy.model.decision import Reason, Refusal
from proxy.model.fact import fact
from proxy.policy.mistakes import shown
from proxy.policy.providers import served_model
from proxy.policy.rules import Rule
from proxy.policy.types import Provider
from proxy.policy.verdict import Verdict


@fact(frozen=True, slots=True)
class Edited:
    """A call as it is sent."""

    request: Request
    """What its body says now."""
    model: str
    """As the provider is asked for it."""
    body: bytes
    target: bytes
    """Path and query at the provider, as the dialect knows them."""
    edits: tuple[str, ...] = ()
    hide_usage: bool = False
    """True: usage was asked for in the client's stead."""


@fact(frozen=True, slots=True)
class Editing:
    """Of one call."""

    dialect: Dialect
    operation: Operation
    provider: Provider
    request: Request
    body: bytes
    """As sent."""
    content: bytes | None
    """The body with its content-encoding undone; the same object where it has none."""
    target: bytes

    _translated: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_translated", self.provider.dialect != self.dialect.name)

    def model(self, instead: str = "") -> str:
        """As the provider is asked for it; `instead`: the model that a rule puts in the place of the call's own."""
        model = instead or self.request.model
        return served_model(self.provider, model) if self._translated else model

    def unedited(self) -> Edited:
        return Edited(self.request, self.model(), self.body, self.target)

    def edited(self, rules: Rules, verdict: Verdict) -> Edited | Refusal:
        """The call with what the verdict puts into it; the refusal of one that can't be given that."""
        model = self.model(verdict.downgrade_to)
        call = Edited(self.request, model, self.body, self.target)
        if self._translated:
            # The translator is told the model; it reads the body undone.
            named = ("translated",) if model == self.request.model else ("translated", MODEL)
            call = replace(call, body=self.content or b"", edits=named)
        elif verdict.downgrade_to:
            switched = self._switched(call, verdict.downgrade_to)
            if switched is None:
                return _not_switched(rules, verdict)
            call = switched
        limit = self._limit(rules, verdict, model)
        if limit is not None:
            limited = self._limited(call, limit)
            if limited is None:
                return _not_limited(rules, verdict, limit)
            call = limited
        return call if self._translated else self._asking(call)

    def lowered(self, call: Edited, tokens: int) -> Edited | None:
        """The call, edited already, with a lower output limit; None: it can't be given one."""
        limited = self._limited(call, tokens) if self.operation.output_limited else None
        return limited and replace(limited, edits=tuple(dict.fromkeys(limited.edits)))

    def _switched(self, call: Edited, model: str) -> Edited | None:
        if not self._readable:
            return None
        splice = self.dialect.replace_model(self.operation, call.request, call.target, call.body, model)
        if splice is None:
            return None
        return _with(call, splice, replace(call.request, model=model))

    def _limit(self, rules: Rules, verdict: Verdict, model: str) -> int | None:
        """The rules' limit; a model that a rule puts in the place of the call's own may put out less than that asks."""
        own = self.request.output_tokens_max
        if verdict.downgrade_to and self.operation.output_limited and own is not None:
            highest = rules.prices.limits(self.provider.name, model).output_tokens_max
            if highest is not None and highest < min(own, verdict.output_tokens_max or own):
                return highest
        return verdict.output_tokens_max

    def _limited(self, call: Edited, tokens: int) -> Edited | None:
        if not (self._readable or self._translated):
            return None
        splice = self.dialect.limit_output(self.operation, call.request, call.body, tokens)
        return None if splice is None else _with(call, splice, replace(call.request, output_tokens_max=tokens))

    def _asking(self, call: Edited) -> Edited:
        """With usage asked for, where a stream would carry none."""
        if call.request.usage_asked or not self.provider.ask_usage or not self._readable:
            return call
        splice = self.dialect.ask_usage(self.operation, call.body)
        return call if splice is None else replace(_with(call, splice, call.request), hide_usage=True)

    @property
    def _readable(self) -> bool:
        """False: the body is compressed."""
        return self.body is self.content


def _with(call: Edited, splice: Splice, request: Request) -> Edited:
    """The call after one more edit."""
    return replace(
        call,
        request=request,
        body=splice.body,
        target=splice.target or call.target,
        edits=(*call.edits, splice.edit),
    )


def _not_limited(rules: Rules, verdict: Verdict, tokens: int) -> Refusal:
    rule = _rule(rules, verdict, MAX_TOKENS)
    return _refused(
        rule,
        f"limits what a call puts out to {tokens} tokens, and outlay can't write that into this one. "
        f"Send an output limit of at most {tokens} with it (and a thinking budget below that), "
        "or a body that isn't compressed",
    )


def _not_switched(rules: Rules, verdict: Verdict) -> Refusal:
    model = shown(verdict.downgrade_to)
    return _refused(
        _rule(rules, verdict, MODEL),
        f"has calls like this one go to the model {model}, and outlay can't write that into this one. "
        f"Ask for {model} yourself, or send a body that isn't compressed",
    )


def _rule(rules: Rules, verdict: Verdict, edit: str) -> Rule:
    """The one that the verdict has the edit from."""
    applied = [each for each in rules.policies.rules.models if each.name in verdict.matched and each.mode == "enforce"]
    budget = next((each for each in rules.policies.rules.budgets if each.name == verdict.downgraded_by), None)
    if edit == MODEL:
        return budget or next(each for each in applied if each.downgrade_to == verdict.downgrade_to)
    limiting = [each for each in applied if each.output_tokens_max is not None]
    if budget is not None and not limiting:
        return budget
    return min(
        limiting or [each for each in applied if each.downgrade_to], key=lambda each: each.output_tokens_max or 0
    )


def _refused(rule: Rule, says: str) -> Refusal:
    whom = rule.contact or "an admin"
    message = f"The rule '{rule.name}' ({rule.where}) {says}. Questions go to {whom}."
    return Refusal(400, Reason.POLICY, message, rule=rule.where)

"""Weighing: what the rules make of one call as it stands at a moment, and how it is sent then.

A call that finds no room may be made lighter; it stays so however often it is weighed again.
"""

from dataclasses import dataclass, field, replace
from math import ceil
from typing import Final

from proxy.dialects.uncounted import uncounted_bytes
from proxy.gateway.admitted import Incoming
from proxy.gateway.editing import Edited, Editing
from proxy.gateway.holding import OUTPUT_TOKENS_MIN, held_at, output_that_fits
from proxy.gateway.lightened import AS_IT_CAME, Lightened
from proxy.gateway.reserving import Weighed
from proxy.gateway.rules import Rules
from proxy.gateway.squeezed import squeeze
from proxy.gateway.standing import Standing
from proxy.metering.calibration import Calibration
from proxy.metering.estimate import LEASE_TOKENS, context_tokens, expected_tokens, first_hold
from proxy.metering.expecting import Expecting
from proxy.model.ask import Ask, Recorded, recorded
from proxy.model.call import Call, Hold, Request
from proxy.model.decision import Refusal
from proxy.policy.charge import Shortfall
from proxy.policy.downgrades import by_turn
from proxy.policy.evaluate import evaluate
from proxy.policy.operations import SUBMIT
from proxy.policy.rules import Budget
from proxy.policy.types import Provider
from proxy.policy.verdict import Asked, Verdict, Weight
from proxy.ports.clock import Clock
from proxy.ports.tokens import TokenCounter

COUNTED_BYTES_MIN: Final = 4096
"""A shorter input is held by its bytes, at any time: little is gained by counting it."""
BYTES_PER_TOKEN_MOST: Final = 8
"""A call that wouldn't fit with so few tokens isn't counted: an agent that is refused again and again costs nothing."""


@dataclass(slots=True)
class Weighing:
    """Of one call."""

    rules: Rules
    incoming: Incoming
    call: Call
    request: Request
    provider: Provider
    clock: Clock
    expecting: Expecting = field(default_factory=Expecting)
    calibration: Calibration = field(default_factory=Calibration)
    tokens: TokenCounter | None = None
    """Counts input near a cap; None: it is always held by its bytes."""
    lightened: Lightened = AS_IT_CAME
    standing: Standing | None = None
    """What is known of such calls; None: it is looked for."""
    sent: Edited = field(init=False)
    """As it would be sent now."""
    _editing: Editing = field(init=False)

    def __post_init__(self) -> None:
        incoming = self.incoming
        self._editing = Editing(
            dialect=incoming.dialect,
            operation=incoming.operation,
            provider=self.provider,
            request=self.request,
            body=incoming.body,
            content=incoming.content,
            target=incoming.target,
        )
        self.sent = self._editing.unedited()

    def first(self) -> tuple[Weighed, Refusal | None]:
        """The call as of its own time, as far lightened as it is; why it must not go on, where a rule is against it or
        it can't be edited."""
        weighed = self._weighed(self.call)
        edited = self._editing.edited(self.rules, weighed.verdict)
        if isinstance(edited, Refusal):
            return weighed, weighed.verdict.refusal or edited
        self.sent = edited
        if self.lightened.output_tokens_max is not None:
            weighed = self._as_low(weighed, self.lightened.output_tokens_max)
        return weighed, weighed.verdict.refusal

    def recorded(self, weighed: Weighed) -> Recorded:
        """What was asked for, before any rule changed it."""
        request, verdict, editing = self.request, weighed.verdict, self._editing
        weight, priced = verdict.weight, self.incoming.operation.priced
        if verdict.downgrade_to or verdict.output_tokens_max is not None:
            weight = self._weight(weighed.call, editing.model(), request)
        return recorded(
            Ask(
                request,
                weight.hold,
                weight.expected_tokens,
                priced=weight.priced,
                free=not priced,
                output_limited=self.incoming.operation.output_limited,
                sent=editing.model(verdict.downgrade_to) if verdict.downgrade_to else "",
            )
        )

    def again(self) -> Weighed:
        """The call as of now."""
        now = self._weighed(replace(self.call, opened_us=self.clock.now_us()))
        return now if self.lightened.output_tokens_max is None else self._lowered(now)

    async def lighter(self, short: Shortfall) -> Weighed | Refusal | None:
        """The call, made to need less: by counting its input, by the smaller model that the budget names (then those
        of other budgets that apply), or by an output limit that fits what is left. None: it can't be; a refusal: it
        should be, and can't be edited."""
        if not short.waiting_helps and self._worth_counting(short) and await self._count():
            return self.again()
        for budget in self._downgrading(short):
            smaller = self._smaller(budget, short)
            if smaller is not None:
                return smaller
        lowered = self.lightened.output_tokens_max is not None
        return None if short.waiting_helps or lowered else self._shorter(short)

    def _worth_counting(self, short: Shortfall) -> bool:
        """It may fit by what is counted of its input."""
        request, operation = self.request, self.incoming.operation
        counted = self.sent.model in self.lightened.counted
        if counted or not operation.priced or request.input_bytes < COUNTED_BYTES_MIN:
            return False
        least = replace(request, input_bytes=request.input_bytes // BYTES_PER_TOKEN_MOST)
        hold = self._weight(self.call, self.sent.model, least).hold
        charge, balance = short.charge, short.balance
        return balance.spent + charge.takes(hold) <= balance.limit - charge.budget.reserve

    async def _count(self) -> bool:
        """True: the input is held by its tokens from now on, which are fewer than its bytes."""
        if self.tokens is None:
            return False
        request, model = self.request, self.sent.model
        texts, framing = self.incoming.dialect.prompt_texts(request.content)
        count = await self.tokens.count(model, texts)
        counted = {**self.lightened.counted, model: 0 if count.guessed else count.tokens + framing}
        around = max(0, request.input_bytes - sum(map(len, request.content)))
        uncounted = around + uncounted_bytes(request.content, texts)
        self.lightened = replace(self.lightened, counted=counted, uncounted_bytes=uncounted)
        return self._as_counted(self.request, model).input_bytes < self.request.input_bytes

    def _as_counted(self, request: Request, model: str) -> Request:
        """With no more input to hold than the model's count may come to at the provider."""
        counted = self.lightened.counted.get(model, 0)
        if not counted:
            return request
        tokens = ceil(counted * self.calibration.factor(model)) + self.lightened.uncounted_bytes
        return replace(request, input_bytes=min(request.input_bytes, tokens))

    def _downgrading(self, short: Shortfall) -> list[Budget]:
        """Those whose models are left to try."""
        budget = short.charge.budget
        if budget.action != "downgrade":
            return []
        tried = {*self.lightened.tried, self.sent.request.model}
        return [each for each in by_turn(self.again().verdict.charges, budget.name) if each.downgrade_to not in tried]

    def _smaller(self, budget: Budget, short: Shortfall) -> Weighed | Refusal | None:
        """The call with the model that the budget names, and with the output limit it came with; None: a rule is
        against that model."""
        model = budget.downgrade_to
        before = replace(self.lightened, tried=self.lightened.tried | {model})
        went = squeeze(short, "downgrade", self.sent.request.model, model)
        kept = tuple(each for each in before.squeezed if each.did == went.did)
        self.lightened = replace(
            before, downgraded_by=budget.name, downgrade_to=model, output_tokens_max=None, squeezed=(*kept, went)
        )
        now = self.again()
        edited = self._editing.edited(self.rules, now.verdict)
        if now.verdict.refusal is None and not isinstance(edited, Refusal):
            self.sent = edited
            return now
        self.lightened = before
        return edited if isinstance(edited, Refusal) and now.verdict.refusal is None else None

    def _shorter(self, short: Shortfall) -> Weighed | None:
        """The call with an output limit that fits; None: it can't be given one."""
        now = self.again()
        verdict = now.verdict
        bare = self._weight(now.call, self.sent.model, replace(self.sent.request, output_tokens_max=0))
        tokens = output_that_fits(short, verdict.weight.hold, bare.hold) // max(1, self.request.choices)
        whole = not self.sent.request.stream
        lower = self._editing.lowered(self.sent, tokens) if whole and tokens >= OUTPUT_TOKENS_MIN else None
        if lower is None:
            return None
        asked = self.sent.request.output_tokens_max
        had = str(verdict.weight.hold.output_tokens if asked is None else asked)
        squeezed = (*self.lightened.squeezed, squeeze(short, "limit output", had, str(tokens)))
        self.sent, self.lightened = lower, replace(self.lightened, output_tokens_max=tokens, squeezed=squeezed)
        return self._lowered(now)

    def _as_low(self, weighed: Weighed, tokens: int) -> Weighed:
        """With the output limit that it was lowered to before, or a lower one that rules or its model have here."""
        tokens = min(tokens, self.sent.request.output_tokens_max or tokens)
        lower = self._editing.lowered(self.sent, tokens)
        kept = [
            replace(each, after=str(tokens)) if each.did == "limit output" else each for each in self.lightened.squeezed
        ]
        if lower is None:
            kept = [each for each in kept if each.did != "limit output"]
        self.lightened = replace(
            self.lightened, output_tokens_max=None if lower is None else tokens, squeezed=tuple(kept)
        )
        if lower is None:
            return weighed
        self.sent = lower
        return self._lowered(weighed)

    def _lowered(self, weighed: Weighed) -> Weighed:
        """With the output limit that it was lowered to."""
        weight = self._weight(weighed.call, self.sent.model, self.sent.request)
        lowered = replace(weighed.verdict, weight=weight, output_tokens_max=self.lightened.output_tokens_max)
        return Weighed(weighed.call, lowered)

    def _weighed(self, call: Call) -> Weighed:
        rules, lightened = self.rules, self.lightened
        asked, standing, instead = self._asked(call), self.standing, lightened.downgrade_to
        if standing is None:
            verdict = evaluate(rules.policies, rules.matcher, call, asked, instead)
        else:
            verdict = standing.verdict(call, asked, instead)
        if lightened.downgraded_by:
            verdict = replace(verdict, downgraded_by=lightened.downgraded_by)
        return Weighed(call, self._expected(call, verdict))

    def _expected(self, call: Call, verdict: Verdict) -> Verdict:
        """A stream that a budget may cut holds from the start what it is expected to come to."""
        tokens = self.expecting.tokens(call.key_id, call.model)
        if tokens <= LEASE_TOKENS or not verdict.charges or not self.request.stream:
            return verdict
        limit = verdict.output_tokens_max
        request = self.request if limit is None else replace(self.request, output_tokens_max=limit)
        weight = self._weight(call, self._editing.model(verdict.downgrade_to), request, tokens)
        ceiling = verdict.cost_max_pico
        return verdict if ceiling is not None and weight.hold.cost_pico > ceiling else replace(verdict, weight=weight)

    def _asked(self, call: Call) -> Asked:
        operation, request, editing = self.incoming.operation, self.request, self._editing

        def weigh(instead: str, output_limit: int | None) -> Weight:
            asked = request if output_limit is None else replace(request, output_tokens_max=output_limit)
            return self._weight(call, editing.model(instead), asked)

        model = editing.model()
        served = self.provider.deployments.get(model, model)
        return Asked(
            weigh,
            context_tokens=lambda: context_tokens(request),
            output_tokens_max=request.output_tokens_max,
            known_as=() if model == served == request.model else tuple({model, served} - {request.model}),
            free=not operation.priced,
            output_limited=operation.output_limited,
        )

    def _weight(self, call: Call, model: str, request: Request, lease_tokens: int = LEASE_TOKENS) -> Weight:
        """The first hold, and whether the model has a price."""
        if not self.incoming.operation.priced:
            # What a batch will cost isn't known; it needs more than nothing.
            return Weight(Hold(1, 1, 0) if call.operation == SUBMIT else Hold(0, 0, 0), priced=True)
        limits = self.rules.prices.limits(call.provider, model)
        input_tokens, output_tokens = first_hold(
            self._as_counted(request, model), limits.output_tokens_max, limits.hidden_reasoning, lease_tokens
        )
        hold, priced = held_at(self.rules, call, model, request, input_tokens, output_tokens)
        return Weight(hold, priced, expected_tokens(request, output_tokens))

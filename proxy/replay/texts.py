"""Texts: what calls for one answer in text are held at. As `gateway.holding` has it, with what is the same for many
calls, the limits of models and of output, worked out once."""

from typing import Final, NamedTuple

from proxy.gateway.rules import Rules
from proxy.metering.estimate import CHARACTERS_PER_TOKEN, expected_tokens, first_hold
from proxy.model.call import Call, Hold, Request
from proxy.model.usage import Served, Usage
from proxy.policy.verdict import Weight
from proxy.replay.details import Text

SHAPES_MAX: Final = 4096
"""Kept at a time: callers choose the limits."""
_PLAIN: Final = Served()


class _Shape(NamedTuple):
    """Of a call whose input has no bytes."""

    input_tokens: int
    output_tokens: int
    expected_tokens: int


class Texts:
    """Of one set of rules."""

    def __init__(self, rules: Rules) -> None:
        self._rules: Final = rules
        self._shapes: dict[tuple[str, str, bool, int | None, int | None], _Shape] = {}

    def weigh(self, call: Call, model: str, text: Text, output_max: int | None) -> Weight:
        """`model`: as it is priced; `output_max`: the output limit that it goes on with."""
        key = (call.provider, model, call.stream, output_max, text.thinking_max)
        shape = self._shapes.get(key)
        if shape is None:
            if len(self._shapes) >= SHAPES_MAX:
                self._shapes.clear()
            shape = self._shapes[key] = self._shape(*key)
        input_tokens = shape.input_tokens + text.input_bytes
        usage = Usage(input_text=input_tokens, output_text=shape.output_tokens)
        cost = self._rules.prices.bound(call.provider, model, call.opened_us, usage, _PLAIN)
        hold = Hold(cost.total_pico, input_tokens, shape.output_tokens)
        return Weight(hold, not cost.unpriced, shape.expected_tokens + text.input_bytes // CHARACTERS_PER_TOKEN)

    def _shape(
        self, provider: str, model: str, stream: bool, output_max: int | None, thinking_max: int | None
    ) -> _Shape:
        limits = self._rules.prices.limits(provider, model)
        empty = Request(model, stream, output_tokens_max=output_max, thinking_tokens_max=thinking_max)
        input_tokens, output_tokens = first_hold(empty, limits.output_tokens_max, limits.hidden_reasoning)
        return _Shape(input_tokens, output_tokens, expected_tokens(empty, output_tokens))

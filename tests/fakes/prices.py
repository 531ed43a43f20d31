"""What fakes of prices share."""

from typing import Any

from proxy.model.usage import Served, Usage


def by_bound(
    self: Any,
    provider: str,
    model: str,
    at_us: int,
    served: Served,
    *,
    input_tokens: int,
    output_tokens: int,
    searches: int,
) -> tuple[int, bool]:
    """`bound_of_text`, where `bound` is all there is."""
    usage = Usage(input_text=input_tokens, output_text=output_tokens, web_search=searches)
    cost = self.bound(provider, model, at_us, usage, served)
    return cost.total_pico, cost.unpriced

"""Estimate: what is set aside for a call before and while its usage becomes known.

Proven: no token is shorter than a byte, so the bytes of the body bound the input they carry, and the bytes of visible
output bound its tokens. Estimated: input that the body only names (`Request.input_tokens_unseen`), and a model's own
output limit where neither the call nor the price list says one.

What a stream doesn't show while it runs is held in full from the start: hidden reasoning, and all of a call whose work
goes on in the background. Visible output is held in steps, so that an agent isn't refused for a worst case.
"""

from dataclasses import replace
from typing import Final

from proxy.model.call import Request
from proxy.model.usage import NO_USAGE, Usage

FRAMING_TOKENS: Final = 1024
"""Tokens that a provider adds around what was sent: roles, tool preambles (Anthropic's are up to 700), priming."""
LEASE_TOKENS: Final = 1000
"""Visible output that a stream holds ahead of what has passed."""
OUTPUT_TOKENS_DEFAULT: Final = 16_384
"""Output limit of a model of which neither call nor price list says one."""
CHARACTERS_PER_TOKEN: Final = 4
"""Of text and code in English, about."""
OUTPUT_TOKENS_MAX: Final = 1_000_000
"""What any limit is taken to be at most. Clients of local servers send 2**31 for 'no limit'."""


def first_hold(
    request: Request, output_tokens_max: int | None, hidden_reasoning: bool, lease_tokens: int = LEASE_TOKENS
) -> tuple[int, int]:
    """Input and output tokens to hold at admission. The model's own limits come from the price list; `lease_tokens`:
    visible output that a stream holds, as far as its limit goes.

    None of what is sold by unit: `holding` has its quantities.
    """
    if _by_unit(request):
        return 0, 0
    input_tokens = request.input_bytes + request.input_tokens_unseen + FRAMING_TOKENS
    limit = _output_limit(request, output_tokens_max)
    if not request.stream or request.background:
        return input_tokens, limit
    return input_tokens, min(limit, _hidden(request, limit, hidden_reasoning) + lease_tokens)


def context_tokens(request: Request) -> int:
    """How long the input is, for rules on that: an estimate, by the length of all that becomes input. By numbers alone,
    so that it is known again when the text isn't."""
    return request.input_bytes // CHARACTERS_PER_TOKEN + request.input_tokens_unseen


def expected_tokens(request: Request, output_tokens_held: int) -> int:
    """What the call will read and write, as rate limits take it: no bound, but about right, since it is corrected."""
    if _by_unit(request):
        return 0
    return context_tokens(request) + min(output_tokens_held, LEASE_TOKENS)


def holding(request: Request, input_tokens: int, output_tokens: int) -> Usage:
    """The usage that a hold stands for, to be priced."""
    sold = request.guessed if request.fixed is NO_USAGE or request.fixed == NO_USAGE else request.fixed
    text, audio = (0, output_tokens) if request.spoken else (output_tokens, sold.output_audio)
    if sold is NO_USAGE:
        # Nearly every call: a replacement takes three times as long.
        return Usage(input_text=input_tokens, output_text=text, output_audio=audio, web_search=request.web_searches_max)
    return replace(
        sold, input_text=input_tokens, output_text=text, output_audio=audio, web_search=request.web_searches_max
    )


def unseen_output(request: Request) -> int:
    """Tokens that may be put out beside those that are visible: the thinking budget that the call names."""
    return min(request.thinking_tokens_max or 0, OUTPUT_TOKENS_MAX) * request.choices


def extended(
    request: Request,
    held: int,
    output_bytes: int,
    output_tokens_max: int | None = None,
    lease_tokens: int = LEASE_TOKENS,
) -> int:
    """Output tokens to hold, in total, once `output_bytes` of visible output (or what it comes to at
    most, where its tokens were counted) have passed; never below `held`.

    A thinking budget may be used up unseen beside what is visible. Raised by whole leases, so that a stream is extended
    about once in a thousand tokens, and never above the limit of call or model, where one is known.
    """
    needed = output_bytes + unseen_output(request)
    if needed <= held or _by_unit(request):
        return held
    raised = held + -(-(needed - held) // lease_tokens) * lease_tokens
    if request.output_tokens_max is None and output_tokens_max is None:
        return raised
    return max(held, min(raised, _output_limit(request, output_tokens_max)))


def _by_unit(request: Request) -> bool:
    fixed, guessed = request.fixed, request.guessed
    if fixed is NO_USAGE and guessed is NO_USAGE:
        return False
    return fixed.by_unit or guessed.by_unit


def _output_limit(request: Request, output_tokens_max: int | None) -> int:
    """The most that the call can put out, all its choices together."""
    each = request.output_tokens_max
    if each is None:
        each = output_tokens_max or OUTPUT_TOKENS_DEFAULT
    return min(each, OUTPUT_TOKENS_MAX) * request.choices


def _hidden(request: Request, limit: int, hidden_reasoning: bool) -> int:
    """Output that may be billed without being seen: the thinking budget the call names, else all of its limit."""
    if request.thinking_tokens_max is not None:
        return min(request.thinking_tokens_max * request.choices, limit)
    return limit if hidden_reasoning else 0

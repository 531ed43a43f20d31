"""OpenAI's usage object, of chat completions and of responses, made disjoint.

Totals include what their details name apart: cached tokens stand in `prompt_tokens`, reasoning in `completion_tokens`.
Servers that speak the format differ, and are read as they document it:

- DeepSeek names cached tokens `prompt_cache_hit_tokens`, Moonshot `cached_tokens` beside the totals;
- xAI and Gemini leave reasoning out of `completion_tokens`, but not out of `total_tokens`;
- Groq puts the usage of a stream under `x_groq`.
"""

from dataclasses import replace
from typing import Any, Final, Literal

from proxy.dialects.quantity import apart, part, quantities, quantity
from proxy.model.usage import Usage

_OF_INPUT: Final = ("cached_tokens", "cache_write_tokens", "audio_tokens", "image_tokens")
_OF_OUTPUT: Final = ("reasoning_tokens", "audio_tokens", "image_tokens")


def usage_of(reported: Any, web_searches: int = 0) -> Usage | None:
    """Usage by kind; None where nothing was reported (no object, or one of zeros: no call has an empty prompt)."""
    prompt = quantity(reported, "prompt_tokens", "input_tokens")
    completion = quantity(reported, "completion_tokens", "output_tokens")
    if not prompt and not completion:
        return None
    read = _details(reported, "prompt_tokens_details", "input_tokens_details", "input_token_details")
    written = _details(reported, "completion_tokens_details", "output_tokens_details", "output_token_details")
    # What only the total knows of is output that was not shown.
    unshown = max(0, quantity(reported, "total_tokens") - prompt - completion)
    inputs, outputs = quantities(read, _OF_INPUT), quantities(written, _OF_OUTPUT)
    inputs[0] = inputs[0] or quantity(reported, "prompt_cache_hit_tokens", "cached_tokens")
    outputs[0] = max(outputs[0], unshown)
    cached, cache_written, input_audio, input_image, input_text = apart(prompt, inputs)
    reasoning, output_audio, output_image, output_text = apart(completion + unshown, outputs)
    return Usage(
        cache_read=cached,
        cache_write_5m=cache_written,
        input_audio=input_audio,
        input_image=input_image,
        input_text=input_text,
        reasoning=reasoning,
        output_audio=output_audio,
        output_image=output_image,
        output_text=output_text,
        web_search=web_searches,
    )


def media_usage_of(reported: Any, kind: Literal["output_image", "output_audio"]) -> Usage | None:
    """The same of a model of images or speech: output is of that kind, save what its details call text."""
    usage = usage_of(reported)
    if usage is None:
        return None
    written = _details(reported, "output_tokens_details", "output_token_details")
    text = min(usage.output_text, quantity(written, "text_tokens"))
    media = getattr(usage, kind) + usage.output_text - text
    return replace(usage, output_text=text, **{kind: media})


def _details(reported: Any, *names: str) -> Any:
    for name in names:
        if found := part(reported, name):
            return found
    return {}

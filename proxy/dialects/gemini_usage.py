"""Gemini's usage metadata made disjoint (ai.google.dev, API reference, "UsageMetadata").

`promptTokenCount` includes what a cache held; `toolUsePromptTokenCount` (pages and results that server-side tools
fed in) and `thoughtsTokenCount` stand beside it and beside `candidatesTokenCount`. What a search fed in isn't charged
beside the search's own fee (ai.google.dev, pricing, "Grounding with Google Search"). Details split a count by
modality; where they contradict it, the count wins.

Video and pages of documents are counted as images: price lists give them the rate of images or of text.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from proxy.dialects.quantity import Total, quantity
from proxy.model.usage import Usage

_IMAGES: Final = ("IMAGE", "VIDEO", "DOCUMENT")
_MODALITIES: Final = ("", "TEXT", "IMAGE", "VIDEO", "AUDIO", "DOCUMENT")
"""By the number that a client gets who asks for enums as such (`alt=json;enum-encoding=int`)."""
_TIER_PREFIX: Final = "service_tier_"
_TRAFFIC: Final = {"ON_DEMAND_PRIORITY": "priority", "ON_DEMAND_FLEX": "flex"}
"""What Vertex AI says in place of a service tier."""
_STANDARD: Final = frozenset(("unspecified", "standard", "default"))


def usage_of(reported: Any, web_searches: int = 0, *, fed: bool = False) -> Usage | None:
    """Usage by kind; None where nothing was reported (no object, or one of zeros).

    `fed`: another tool than a search fed the prompt. One count holds what all of them fed, so then it is charged whole.
    """
    prompt = quantity(reported, "promptTokenCount")
    candidates = quantity(reported, "candidatesTokenCount", "responseTokenCount")
    thoughts = quantity(reported, "thoughtsTokenCount")
    by_tools = quantity(reported, "toolUsePromptTokenCount")
    total = quantity(reported, "totalTokenCount")
    if not prompt and not candidates and not total:
        return None
    output = _output(total - prompt, by_tools, candidates, thoughts)
    outputs = Total(output)
    written = _modalities(reported, "candidatesTokensDetails", "responseTokensDetails")
    read = _input(reported, prompt)
    tools = _tools(reported, 0 if web_searches and not fed else by_tools)
    return Usage(
        input_text=read.input_text + tools.input_text,
        input_audio=read.input_audio + tools.input_audio,
        input_image=read.input_image + tools.input_image,
        cache_read=read.cache_read,
        cache_read_audio=read.cache_read_audio,
        reasoning=outputs.take(max(thoughts, output - candidates)),
        output_audio=outputs.take(written["AUDIO"]),
        output_image=outputs.take(sum(written[name] for name in _IMAGES)),
        output_text=outputs.left,
        web_search=web_searches,
    )


def _output(unprompted: int, fed: int, candidates: int, thoughts: int) -> int:
    """All output. `unprompted`: what the total holds beside the prompt, none where no total came."""
    if thoughts and unprompted == candidates + fed:
        return candidates  # the thoughts are among the candidates' tokens, as Vertex AI had it for a while
    return max(candidates + thoughts, unprompted - fed)


def _input(reported: Any, prompt: int) -> Usage:
    inputs = Total(prompt)
    cached = inputs.take(quantity(reported, "cachedContentTokenCount"))
    held = _modalities(reported, "cacheTokensDetails")
    shown = _modalities(reported, "promptTokensDetails", "promptTokenDetails")
    caches = Total(cached)
    cached_audio = caches.take(held["AUDIO"])
    return Usage(
        cache_read_audio=cached_audio,
        cache_read=caches.left,
        input_audio=inputs.take(max(0, shown["AUDIO"] - cached_audio)),
        input_image=inputs.take(max(0, sum(shown[name] - held[name] for name in _IMAGES))),
        input_text=inputs.left,
    )


def _tools(reported: Any, fed: int) -> Usage:
    """What server-side tools fed into the prompt."""
    inputs = Total(fed)
    shown = _modalities(reported, "toolUsePromptTokensDetails")
    audio = inputs.take(shown["AUDIO"])
    image = inputs.take(sum(shown[name] for name in _IMAGES))
    return Usage(input_audio=audio, input_image=image, input_text=inputs.left)


def _modalities(reported: Any, *names: str) -> Counter[str]:
    """Tokens by modality, of the first of the named lists that is there."""
    counted: Counter[str] = Counter()
    listed = next((reported[name] for name in names if reported.get(name)), ())
    for entry in listed if isinstance(listed, list) else ():
        if isinstance(entry, Mapping):
            counted[_modality(entry.get("modality"))] += quantity(entry, "tokenCount")
    return counted


def _modality(said: object) -> str:
    if isinstance(said, int):
        return _MODALITIES[said] if 0 <= said < len(_MODALITIES) else ""
    return said.upper() if isinstance(said, str) else ""


def tier_of(reported: Any) -> str | None:
    """The service tier that the usage names, '' for the standard one; None where it names none."""
    if not isinstance(reported, Mapping):
        return None
    traffic = reported.get("trafficType")
    if isinstance(traffic, str) and traffic in _TRAFFIC:
        return _TRAFFIC[traffic]
    return tier(reported.get("serviceTier"))


def tier(said: object) -> str | None:
    """A service tier in the spelling of price lists; None for what is none."""
    if not isinstance(said, str) or not said:
        return None
    name = said.lower().removeprefix(_TIER_PREFIX)
    return "" if name in _STANDARD else name[:32]

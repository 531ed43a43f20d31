"""Usage of OpenAI's realtime protocol, made disjoint: of responses, and of transcriptions beside them."""

from typing import Any

from proxy.dialects.quantity import QUANTITY_MAX, Total, part, quantity
from proxy.model.usage import Usage


def response_usage(reported: Any) -> Usage | None:
    """Of `response.done`: totals include text, audio and images, and each of these its own cached part.

    None where nothing was reported. Where details contradict their total, the total wins.
    """
    prompt, completion = quantity(reported, "input_tokens"), quantity(reported, "output_tokens")
    if not prompt and not completion:
        return None
    read = part(reported, "input_token_details")
    cached = part(read, "cached_tokens_details")
    inputs, outputs = Total(prompt), Total(completion)
    cached_audio = inputs.take(quantity(cached, "audio_tokens"))
    cached_image = inputs.take(quantity(cached, "image_tokens"))
    cached_rest = inputs.take(max(0, quantity(read, "cached_tokens") - cached_audio - cached_image))
    return Usage(
        cache_read_audio=cached_audio,
        cache_read=cached_rest + cached_image,
        input_audio=inputs.take(max(0, quantity(read, "audio_tokens") - cached_audio)),
        input_image=inputs.take(max(0, quantity(read, "image_tokens") - cached_image)),
        input_text=inputs.left,
        output_audio=outputs.take(quantity(part(reported, "output_token_details"), "audio_tokens")),
        output_text=outputs.left,
    )


def transcription_usage(reported: Any) -> Usage | None:
    """Of a transcription: by tokens, or by the length of the audio. None where nothing was reported."""
    seconds = part({"usage": reported}, "usage").get("seconds")
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds > 0:
        return Usage(input_audio_ms=round(min(seconds * 1000, QUANTITY_MAX)))
    prompt, completion = quantity(reported, "input_tokens"), quantity(reported, "output_tokens")
    if not prompt and not completion:
        return None
    inputs = Total(prompt)
    audio = inputs.take(quantity(part(reported, "input_token_details"), "audio_tokens"))
    return Usage(input_audio=audio, input_text=inputs.left, output_text=completion)

"""What litellm says, as OpenAI would: answers without its own words, errors without what it puts around them."""

import re
from typing import Any, Final

from proxy.adapters.translation_asked import RefusedError
from proxy.adapters.translation_frames import Call

ERROR_CHARS_MAX: Final = 2000


def words_of(error: Exception) -> str:
    """A provider's or litellm's words, without what litellm puts around them."""
    lines = str(getattr(error, "message", "")).splitlines()
    return _AROUND.sub("", lines[0])[:ERROR_CHARS_MAX] if lines else ""


_AROUND: Final = re.compile(r"^(?:litellm\.\w+: )+(?:\w+Exception - )?|\. Handle with `litellm\.\w+`\.$")


def caused(error: BaseException | None, kind: type[BaseException]) -> bool:
    """True where an error of this kind lies beneath."""
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False


def refusal(call: Call, error: Exception) -> str:
    """Why a call can't be translated, for its caller."""
    if isinstance(error, RefusedError):
        return str(error)
    said = words_of(error) or type(error).__name__
    if caused(error, PermissionError) or "Unable to fetch" in said:
        return "What the call refers to by URL must be sent as data: outlay's translation fetches nothing."
    return f"This call can't be put into the dialect of {call.dialect}: {said}"


def completion(told: dict[str, Any]) -> dict[str, Any]:
    """With the nulls that OpenAI's own answers have."""
    for choice in told.get("choices", ()):
        choice["message"] = {"content": None, "refusal": None, **choice.get("message", {})}
        choice.setdefault("logprobs", None)
    return without_own_words(told)


def chunk(told: dict[str, Any]) -> dict[str, Any]:
    """With `finish_reason` in each choice, and none beside the usage, as OpenAI's own have."""
    for choice in told.get("choices", ()):
        choice.setdefault("finish_reason", None)
    if told.get("usage"):
        told["choices"] = []
    return without_own_words(told)


def without_own_words(told: dict[str, Any]) -> dict[str, Any]:
    """litellm's own idea of the cost is not what finance will read."""
    usage = told.get("usage")
    if isinstance(usage, dict):
        usage.pop("cost", None)
    return told

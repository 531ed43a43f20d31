"""Edits that rules make in OpenAI's bodies: the output limit, the model."""

from collections.abc import Mapping
from typing import Final

from proxy.dialects.dialect import MAX_TOKENS, MODEL, Operation, Splice
from proxy.dialects.fields import Fields
from proxy.dialects.openai_operations import CHAT, COMPLETIONS, EMBEDDINGS, IMAGES, RESPONSES, SPEECH
from proxy.dialects.placing import placed, spliced
from proxy.metering.json_object import ObjectReader, UnreadableError

_LIMITS: Final[Mapping[str, tuple[str, ...]]] = {
    CHAT.name: ("max_completion_tokens", "max_tokens"),
    COMPLETIONS.name: ("max_tokens",),
    RESPONSES.name: ("max_output_tokens",),
}
"""Where each operation has its output limit; the first is the one that calls get which have none."""
_WITH_MODEL: Final = frozenset(each.name for each in (CHAT, RESPONSES, COMPLETIONS, EMBEDDINGS, IMAGES, SPEECH))
"""Operations whose bodies are JSON."""
_BODY: Final = ObjectReader(("model", *{name for names in _LIMITS.values() for name in names}))


def limit_output(operation: Operation, body: bytes, tokens: int) -> Splice | None:
    """Every limit that the call names is lowered, under the name it has there."""
    names = _LIMITS.get(operation.name, ())
    try:
        fields = Fields(_BODY.read(body))
        stated = [name for name in names if fields.raw(name) not in (b"", b"null")] or list(names[:1])
        for name in stated:
            if (fields.limit(name) or tokens + 1) > tokens:
                body = placed(body, [(_BODY, name)], b"%d" % tokens)
    except UnreadableError:
        return None
    return Splice(body, MAX_TOKENS) if stated else None


def replace_model(operation: Operation, body: bytes, model: str) -> Splice | None:
    return spliced(body, [(_BODY, "model")], model, MODEL) if operation.name in _WITH_MODEL else None

"""Tokens: counting prompts by o200k_base and OpenAI's published rule for chat messages.

The rule (OpenAI cookbook, "How to count tokens with tiktoken"): every message costs 3 tokens and those of its role and
text, a name one more and its own, and 3 tokens prime the answer.
"""

import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from tiktoken import Encoding

MESSAGE_TOKENS: Final = 3
ANSWER_TOKENS: Final = 3
NAME_TOKENS: Final = 1


@cache
def encoding() -> "Encoding":
    """o200k_base from the files that the installed litellm carries: litellm is not imported, nothing is downloaded."""
    spec = find_spec("litellm")
    if spec is None or spec.origin is None:
        raise RuntimeError(
            "the stand-in counts with tokenizer files that the package litellm carries; it is not installed"
        )
    os.environ["TIKTOKEN_CACHE_DIR"] = str(Path(spec.origin).parent / "litellm_core_utils" / "tokenizers")
    import tiktoken  # noqa: PLC0415  # reads the variable set just above

    return tiktoken.get_encoding("o200k_base")


def of_text(text: str) -> int:
    """Tokens of a text; what looks like a special token is text like any other."""
    return len(encoding().encode_ordinary(text))


def of_json(value: object) -> int:
    """Tokens of a value's compact JSON: tools, and parts of a message that are not text."""
    return of_text(msgspec.json.encode(value).decode())


def split(text: str) -> tuple[str, ...]:
    """An ASCII text in pieces of one token each."""
    return tuple(encoding().decode([token]) for token in encoding().encode_ordinary(text))


def of_message(role: str, content: object, name: str = "") -> int:
    """Tokens of one message. Only the text of its content counts: images, audio and files are free here."""
    count = MESSAGE_TOKENS + of_text(role) + sum(map(of_text, texts(content)))
    return count + (NAME_TOKENS + of_text(name) if name else 0)


def texts(content: object) -> list[str]:
    """Every text of a message's content, which is a text or a list of parts that may hold content of their own."""
    if isinstance(content, str):
        return [content]
    if isinstance(content, list):
        return [text for part in content if isinstance(part, dict) for text in _part_texts(part)]
    return []


def _part_texts(part: dict[str, Any]) -> list[str]:
    if isinstance(part.get("text"), str):
        return [part["text"]]
    return texts(part.get("content"))

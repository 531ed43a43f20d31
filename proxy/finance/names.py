"""Names: under which entries of a price list a model may stand."""

import re
from collections.abc import Iterator
from typing import Final

_DATED: Final = re.compile(r"[-@](?:\d{4}-\d{2}-\d{2}|\d{8})$")
_FINE_TUNED: Final = "ft:"
_PLAIN: Final = "standard"


def candidates(served: str, asked: str) -> Iterator[str]:
    """Names to look for, best first: the model that answered, then the one asked for; each as it is, then undated.

    A fine-tuned model ('ft:gpt-4o-2024-08-06:org::id') has the price of its kind
    ('ft:gpt-4o-2024-08-06'), never that of the plain model, which is cheaper.
    """
    for name in (served, asked):
        if not name:
            continue
        kind = ":".join(name.split(":")[:2]) if name.startswith(_FINE_TUNED) else name
        yield kind
        undated = _DATED.sub("", kind)
        if undated != kind:
            yield undated


def variants(variant: str, name: str) -> Iterator[str]:
    """Names of a model's variant ('hd/1024-x-1792/dall-e-3'), best first.

    Where a list names the size alone it means the plain quality: a dearer one is not looked for there.
    """
    if variant:
        yield f"{variant}/{name}"
        quality, slash, size = variant.partition("/")
        if slash and quality == _PLAIN:
            yield f"{size}/{name}"

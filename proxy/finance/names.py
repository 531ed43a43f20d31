"""Names: under which entries of a price list a model may stand."""

import re
from collections.abc import Iterator
from typing import Final

_DATED: Final = re.compile(r"[-@](?:\d{4}-\d{2}-\d{2}|\d{8})$")
_FINE_TUNED: Final = "ft:"


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

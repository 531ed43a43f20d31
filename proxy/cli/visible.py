"""Visible: documents of the ledger as a terminal may show them (proxy.model.visible)."""

from typing import Any

from proxy.model.visible import visible as visible_text


def visible(value: Any) -> Any:
    """The document with every character that can't be seen escaped in its texts; everything else as it is."""
    if isinstance(value, str):
        return visible_text(value)
    if isinstance(value, list):
        return [visible(each) for each in value]
    if isinstance(value, dict):
        return {visible(name): visible(each) for name, each in value.items()}
    return value

"""Schema: each policy file as a JSON Schema (2020-12), so that editors complete settings and underline mistakes."""

from typing import Any, Final

from proxy.policy.load import FILES, SETTINGS
from proxy.policy.shape_kinds import Shape
from proxy.policy.shapes import SHAPES, TOGETHER

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
FOLDER: Final = ".schema"
"""Beside the policy files. Sub-folders are no part of a policy."""


def schema(file: str) -> dict[str, Any]:
    """Of one policy file. Every setting that the loader knows is in it, with its example."""
    sections = {name: _object(file, name) for name in SETTINGS[file]}
    top = sections.pop("")
    document = {
        "$schema": DRAFT,
        "title": file,
        "description": f"{file} of outlay: docs/policies.md explains all settings",
    }
    # An empty file is a file without settings.
    whole = {**document, **top, "type": ["object", "null"]}
    return {**whole, "$defs": {name.replace(" ", "_"): each for name, each in sections.items()}} if sections else whole


def schemas() -> dict[str, Any]:
    """Of all files, each under `$defs` by the file's name."""
    return {
        "$schema": DRAFT,
        "title": "Policy files of outlay",
        "$defs": {file: {"$id": f"urn:outlay:policy:{file}", **schema(file)} for file in FILES},
    }


def file_name(file: str) -> str:
    """Of the schema of a policy file: 'budgets.json'."""
    return f"{file.removesuffix('.yaml')}.json"


def editor_line(file: str) -> str:
    """The comment in a policy file by which editors find its schema."""
    return f"# yaml-language-server: $schema={FOLDER}/{file_name(file)}"


def _object(file: str, section: str) -> Shape:
    shapes = SHAPES[file][section]
    together = TOGETHER.get(file, {}).get(section, {})
    properties = {
        name: {"description": f"for example: {example}", **_optional(shapes[name], bare=not section)}
        for name, example in SETTINGS[file][section].items()
    }
    return {"type": "object", "additionalProperties": False, "properties": properties, **together}


def _optional(shape: Shape, *, bare: bool) -> Shape:
    """At the top of a file a setting with nothing behind it counts as not written."""
    return {"anyOf": [shape, {"type": "null"}]} if bare else shape

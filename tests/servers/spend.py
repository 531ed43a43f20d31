"""The spend report by model beside the stand-in's own count, in the same columns, so that the two can be compared."""

from typing import Any, Final

SPEND: Final = {
    "calls": ("calls",),
    "input_tokens": ("input_text", "input_audio", "input_image"),
    "cache_read_tokens": ("cache_read", "cache_read_audio"),
    "cache_write_tokens": ("cache_write_5m", "cache_write_1h"),
    "output_tokens": ("output_text", "reasoning", "output_audio", "output_image"),
    "reasoning_tokens": ("reasoning",),
}
"""Columns of the spend report, and what the stand-in counts in them."""


def expected(counts: dict[str, Any]) -> dict[str, dict[str, int]]:
    """The stand-in's count by model."""
    return {
        model: {column: sum(each[kind] for kind in kinds) for column, kinds in SPEND.items()}
        for model, each in counts["models"].items()
    }


def reported(report: dict[str, Any]) -> dict[str, dict[str, int]]:
    """What the report by model says."""
    return {row["model"]: {column: row[column] for column in SPEND} for row in report["rows"]}

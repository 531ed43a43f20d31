"""Under which names a model is looked for."""

import pytest

from proxy.finance.names import candidates, variants


@pytest.mark.parametrize(
    ("served", "asked", "names"),
    [
        ("", "", []),
        ("", "gpt-5", ["gpt-5"]),
        ("gpt-5-2025-08-07", "gpt-5", ["gpt-5-2025-08-07", "gpt-5", "gpt-5"]),
        ("claude-sonnet-4-5-20250929", "", ["claude-sonnet-4-5-20250929", "claude-sonnet-4-5"]),
        ("claude-sonnet-4-5@20250929", "", ["claude-sonnet-4-5@20250929", "claude-sonnet-4-5"]),
        ("", "claude-sonnet-4-5-latest", ["claude-sonnet-4-5-latest"]),
        ("", "gpt-4-0613", ["gpt-4-0613"]),
        ("", "ft:gpt-4o-2024-08-06:org:name:id", ["ft:gpt-4o-2024-08-06", "ft:gpt-4o"]),
        ("ft:gpt-3.5-turbo-0125:org::id", "", ["ft:gpt-3.5-turbo-0125"]),
        ("a-20250101-20250202", "", ["a-20250101-20250202", "a-20250101"]),
    ],
)
def test_the_answering_model_is_looked_for_first_each_as_it_is_then_undated(
    served: str, asked: str, names: list[str]
) -> None:
    assert list(candidates(served, asked)) == names


@pytest.mark.parametrize(
    ("variant", "names"),
    [
        ("", []),
        ("hd/1024-x-1792", ["hd/1024-x-1792/dall-e-3"]),
        ("standard/1024-x-1024", ["standard/1024-x-1024/dall-e-3", "1024-x-1024/dall-e-3"]),
        ("1024-x-1024", ["1024-x-1024/dall-e-3"]),
        ("auto/1024-x-1024", ["auto/1024-x-1024/dall-e-3"]),
    ],
)
def test_only_the_plain_quality_is_looked_for_by_its_size_alone(variant: str, names: list[str]) -> None:
    assert list(variants(variant, "dall-e-3")) == names

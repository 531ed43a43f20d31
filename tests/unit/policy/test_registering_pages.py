"""What the pages on connecting sources have to be copied into services.yaml loads, and counts."""

import re
from pathlib import Path

import pytest

from proxy.policy.load import load
from proxy.policy.types import PolicySet

PAGES = sorted((Path(__file__).resolve().parents[3] / "docs").glob("connect-*.md"))
REGISTERING = [page for page in PAGES if "## 1. Register" in page.read_text()]


@pytest.mark.parametrize("page", REGISTERING, ids=lambda page: page.stem)
def test_what_is_to_be_registered_loads_without_a_mistake_or_a_warning(page: Path) -> None:
    text = page.read_text().partition("## 1. Register")[2].partition("\n## ")[0]
    [block] = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    found = load({"services.yaml": block})
    assert isinstance(found, PolicySet), [str(each) for each in found]
    assert not found.warnings
    assert found.services.services["checkout"].deploy_actors


def test_there_are_pages_of_each_kind() -> None:
    assert len(PAGES) >= 6
    assert len(REGISTERING) >= 4

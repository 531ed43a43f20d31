"""Each tool has its page, and the pages say what is set."""

import re
from pathlib import Path

import pytest

from proxy.cli.tools.launch import CLAUDE_FEATURES, LAUNCHES, sdk_variables
from proxy.cli.tools.place import Place
from proxy.cli.tools.places import SETUPS

DOCS = Path(__file__).resolve().parents[4] / "docs" / "tools"


@pytest.mark.parametrize("tool", sorted({*LAUNCHES, *SETUPS}))
def test_every_tool_has_a_page_that_the_first_one_leads_to(tool):
    page = (DOCS / f"{tool}.md").read_text()
    assert f"({tool}.md)" in (DOCS / "README.md").read_text()
    assert f"outlay setup {tool}" in page
    assert "ndo" in page


def test_the_variables_that_are_set_stand_on_the_pages():
    assert all(name in (DOCS / "claude.md").read_text() for name in CLAUDE_FEATURES)
    place = Place("http://g", "k", headers={"x-outlay-repo": "a/b/c"})
    assert all(name in (DOCS / "sdk.md").read_text() for name in sdk_variables(place, "k"))


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_every_link_of_a_page_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", (DOCS / page).read_text()):
        assert target.startswith("http") or (DOCS / target).exists(), target

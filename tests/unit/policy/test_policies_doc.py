"""docs/policies.md explains every setting there is, and its examples are right."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.policy.load import FILES, RULES, SETTINGS, load
from proxy.policy.types import PolicySet

DOC = (Path(__file__).parents[3] / "docs" / "policies.md").read_text()
CHAPTERS = {part.partition("\n")[0].strip(): part for part in DOC.split("\n## ")}


def every_setting() -> Iterator[tuple[str, str, str]]:
    for file, sections in SETTINGS.items():
        for section, settings in sections.items():
            for name in settings:
                yield file, section, name


@pytest.mark.parametrize(("file", "section", "name"), tuple(every_setting()))
def test_every_setting_is_explained_in_the_chapter_of_its_file(file: str, section: str, name: str) -> None:
    assert re.search(rf"`[^`\n]*\b{name}\b[^`\n]*`", CHAPTERS[file]), f"{file}: {section} {name}"


def test_settings_of_every_file_are_known() -> None:
    assert set(SETTINGS) == set(FILES)


def test_the_examples_load_together() -> None:
    files = {}
    for name in FILES:
        found = re.search(r"```yaml\n(.*?)```", CHAPTERS[name], re.DOTALL)
        assert found
        files[name] = found[1].replace("sha256:0a1b…             ", f"sha256:{'0a' * 32} ")
    policies = load(files, enforced=frozenset(RULES))
    assert isinstance(policies, PolicySet), [str(mistake) for mistake in policies]
    assert not policies.warnings


@pytest.mark.parametrize(("file", "section", "name"), tuple(every_setting()))
def test_every_example_in_a_mistake_is_right_itself(file: str, section: str, name: str) -> None:
    example = SETTINGS[file][section][name]
    assert name in example
    if not section:
        text = example.replace("sha256:…", f"sha256:{'0a' * 32}")
        assert isinstance(load({file: text}, enforced=frozenset(RULES)), PolicySet)


@pytest.mark.parametrize(
    ("file", "frame"),
    [
        ("providers.yaml", 'providers: {{p: {{dialect: openai, base_url: "http://a.example", api_key: none}}, {0}}}'),
        ("access.yaml", "people: {{alice: {{{0}}}}}"),
        ("access.yaml", "projects: {{checkout: {{{0}}}}}\npeople: {{alice: {{}}}}"),
    ],
)
def test_examples_fit_where_they_belong(file: str, frame: str) -> None:
    section = {"people": "person", "projects": "project"}.get(frame.partition(":")[0], "provider")
    for name, example in SETTINGS[file][section].items():
        body = example
        if section == "provider":
            body = f"q: {{dialect: openai, base_url: 'http://b.example', api_key: none, {example}}}"
            if name in ("dialect", "base_url", "api_key"):
                continue
        assert isinstance(load({file: frame.format(body)}), PolicySet), example

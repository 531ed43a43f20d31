"""One bad file for each kind of mistake, in tests/policies/, with the exact words that an admin reads.

The first line of a file says which policy file it plays; a case of several files is a folder of them. Those in
warnings/ can be used as they are, and say what looks odd. After a change of words: look at each, then write anew.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import proxy.policy
from proxy.policy.document import FILE_BYTES_MAX
from proxy.policy.event_sources_yaml import SOURCES_MAX
from proxy.policy.load import RULES, load
from proxy.policy.notify_yaml import TARGETS_MAX
from proxy.policy.prices_yaml import PRICES_MAX
from proxy.policy.rule_yaml import RULES_MAX
from proxy.policy.services_yaml import SERVICES_MAX
from proxy.policy.types import Mistake, PolicySet

FOLDER = Path(__file__).parents[2] / "policies"
WARNINGS = FOLDER / "warnings"
SOURCES = sorted(Path(proxy.policy.__path__[0]).glob("*.py"))


def cases_in(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if each.suffix != ".expected" and each != WARNINGS)


CASES = cases_in(FOLDER)
ODD = cases_in(WARNINGS)

SERVICE = "{{repositories: [a.example/b/c{}], environments: [e], registered: 2025-06-01}}"
SOURCE = "{{kind: github, secrets: [{{env: A{}}}]}}"
TOO_LARGE = {
    "file": ({"access.yaml": b"#" * (FILE_BYTES_MAX + 1)}, "access.yaml: the file is larger than 16 MiB"),
    "rules": (
        {"models.yaml": "models:\n" + "".join(f"- {{name: r{n}, deny: [a]}}\n" for n in range(RULES_MAX + 1))},
        "models.yaml:5002:3: there are more than 5000 models",
    ),
    "prices": (
        {"prices.yaml": "prices:\n" + "".join(f"- {{model: m{n}, multiplier: 0.9}}\n" for n in range(PRICES_MAX + 1))},
        "prices.yaml:1002:3: there are more than 1000 prices",
    ),
    "services": (
        {"services.yaml": "services:\n" + "".join(f"  s{n}: {SERVICE.format(n)}\n" for n in range(SERVICES_MAX + 1))},
        "services.yaml:5002:3: there are more than 5000 services",
    ),
    "sources": (
        {"services.yaml": "sources:\n" + "".join(f"  s{n}: {SOURCE.format(n)}\n" for n in range(SOURCES_MAX + 1))},
        "services.yaml:102:3: there are more than 100 sources",
    ),
    "targets": (
        {"notify.yaml": "targets:\n" + "".join(f"- {{name: t{n}, url: {{env: A}}}}\n" for n in range(TARGETS_MAX + 1))},
        "notify.yaml:22:10: name is one too many: there are at most 20 targets\n    for example: name: finance",
    ),
}
"""What no file in the tree should be as large as."""

MODELS = {
    **dict.fromkeys(("gpt-5", "gpt-5-mini", "gpt-4o", "gpt-4o-mini", "gpt-4o-2024-11-20"), "openai"),
    **dict.fromkeys(("gpt-4.1", "gpt-4.1-2025-04-14", "o1-pro", "o3"), "openai"),
    **dict.fromkeys(("claude-haiku-4-5", "claude-haiku-4-5-20251001", "claude-sonnet-5"), "anthropic"),
    "vertex_ai/claude-haiku-4-5@20251001": "vertex_ai",
}
"""A price list: names, and who sells each."""
NOW_US = 1_795_267_200_000_000
"""2026-11-21."""
GATED = "load.py:_not_enforced"
"""Rules that a version doesn't enforce yet: test_load.py tries each."""


def files_of(case: Path) -> dict[str, bytes | str]:
    if case.is_dir():
        return {each.name: each.read_bytes() for each in case.iterdir()}
    content = case.read_bytes()
    return {content.partition(b"\n")[0].removeprefix(b"# ").decode(): content}


def loaded(files: dict[str, bytes | str]) -> PolicySet | list[Mistake]:
    return load(files, enforced=frozenset(RULES), models=MODELS, now_us=NOW_US)


def told(findings: list[Mistake] | tuple[Mistake, ...]) -> str:
    return "".join(f"{mistake}\n" for mistake in findings)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_bad_file_is_refused_in_these_words(case: Path) -> None:
    found = loaded(files_of(case))
    assert isinstance(found, list)
    assert told(found) == case.with_suffix(".expected").read_text()


@pytest.mark.parametrize("case", ODD, ids=lambda case: case.stem)
def test_an_odd_file_is_taken_with_these_words(case: Path) -> None:
    found = loaded(files_of(case))
    assert isinstance(found, PolicySet)
    assert told(found.warnings) == case.with_suffix(".expected").read_text()


@pytest.mark.parametrize("name", TOO_LARGE)
def test_what_is_too_large_is_refused_in_these_words(name: str) -> None:
    files, words = TOO_LARGE[name]
    found = loaded(dict(files))
    assert isinstance(found, list)
    assert told(found) == f"{words}\n"


def test_every_place_that_finds_a_mistake_has_a_bad_file() -> None:
    met = _lines_met()
    silent = [
        f"{where} {text}"
        for where, text, lines in _places()
        if not where.startswith(GATED) and met.isdisjoint((where.partition(":")[0], line) for line in lines)
    ]
    assert not silent, "no file in tests/policies makes these mistakes"


def _lines_met() -> set[tuple[str, int]]:
    """Lines of the loader that ran while all the cases were read."""
    ours = {str(path): path.name for path in SOURCES}
    met: set[tuple[str, int]] = set()

    def line_of(frame: FrameType, event: str, argument: Any) -> Any:
        met.add((ours[frame.f_code.co_filename], frame.f_lineno))
        return line_of

    before = sys.gettrace()
    sys.settrace(lambda frame, event, argument: line_of if frame.f_code.co_filename in ours else None)
    try:
        for case in (*CASES, *ODD):
            loaded(files_of(case))
        for name in TOO_LARGE:
            loaded(dict(TOO_LARGE[name][0]))
    finally:
        sys.settrace(before)
    return met


def _places() -> Iterator[tuple[str, str, range]]:
    """Statements of the loader that tell a mistake: 'file:function', the statement, its lines."""
    for path in SOURCES:
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef) and path.name != "mistakes.py":
                for statement in ast.walk(function):
                    if isinstance(statement, ast.Expr) and _tells(statement.value):
                        lines = range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
                        yield f"{path.name}:{function.name}", ast.unparse(statement), lines


def _tells(call: ast.expr) -> bool:
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return False
    to_mistakes = call.func.attr in ("add", "add_at") and ast.unparse(call.func.value).endswith("mistakes")
    return to_mistakes or call.func.attr in ("wrong", "warn")


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.expected")), ids=lambda path: path.stem)
def test_every_mistake_has_a_place(path: Path) -> None:
    lines = path.read_text().splitlines()
    places = [line.split(":")[:3] for line in lines if not line.startswith("    ")]
    assert places
    if not path.stem.startswith("file-"):
        assert all(int(line) >= 1 and int(column) >= 1 for _, line, column in places)


@pytest.mark.parametrize("folder", [FOLDER, WARNINGS])
def test_each_case_has_its_words(folder: Path) -> None:
    assert cases_in(folder)
    assert {path.stem for path in cases_in(folder)} == {path.stem for path in folder.glob("*.expected")}


def test_no_mistake_repeats_a_secret() -> None:
    secrets = ("abcdefghijklmnopqrstuvwxyz0123456789", "hunter2", "outlay_0123")
    for path in FOLDER.rglob("*.expected"):
        assert not any(secret in path.read_text() for secret in secrets), path

"""One bad file for each kind of mistake, in tests/policies/, with the exact words that an admin reads.

The first line of a file says which policy file it plays. After a change of words: look at each, then write anew.
"""

from pathlib import Path

import pytest

from proxy.policy.load import RULES, load

FOLDER = Path(__file__).parents[2] / "policies"
CASES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_bad_file_is_refused_in_these_words(path: Path) -> None:
    content = path.read_bytes()
    name = content.partition(b"\n")[0].removeprefix(b"# ").decode()
    loaded = load({name: content}, enforced=frozenset(RULES))
    assert isinstance(loaded, list)
    assert "".join(f"{mistake}\n" for mistake in loaded) == path.with_suffix(".expected").read_text()


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_mistake_has_a_place(path: Path) -> None:
    lines = path.with_suffix(".expected").read_text().splitlines()
    places = [line.split(":")[:3] for line in lines if not line.startswith("    ")]
    assert places
    if not path.stem.startswith("file-"):
        assert all(int(line) >= 1 and int(column) >= 1 for _, line, column in places)


def test_each_case_has_its_words() -> None:
    assert CASES
    assert {path.stem for path in CASES} == {path.stem for path in FOLDER.glob("*.expected")}


def test_no_mistake_repeats_a_secret() -> None:
    secrets = ("abcdefghijklmnopqrstuvwxyz0123456789", "hunter2", "outlay_0123")
    for path in FOLDER.glob("*.expected"):
        assert not any(secret in path.read_text() for secret in secrets), path

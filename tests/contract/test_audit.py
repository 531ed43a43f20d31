"""The audit of dependencies: what is pinned has hashes, and an installed file that was changed is named."""

import base64
import hashlib
from importlib.machinery import SourceFileLoader
from importlib.metadata import Distribution
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_LOADER = SourceFileLoader("outlay_audit", str(ROOT / ".ci" / "audit"))
audit = module_from_spec(spec_from_loader(_LOADER.name, _LOADER))
_LOADER.exec_module(audit)

HASH = "sha256:" + "ab" * 32


@pytest.mark.parametrize("name", ["constraints.txt", "constraints-test.txt"])
def test_everything_that_outlay_needs_is_pinned_with_hashes(name: str) -> None:
    pinned, wrong = audit.pins((ROOT / name).read_text())
    assert wrong == []
    assert len(pinned) > 80
    assert {"aiohttp", "duckdb", "starlette", "uvicorn", "setuptools"} <= set(pinned)


def test_what_runs_is_a_part_of_what_is_tested_at_the_same_versions() -> None:
    runs, tested = (audit.pins((ROOT / name).read_text())[0] for name in ("constraints.txt", "constraints-test.txt"))
    assert {name: wants for name, wants in tested.items() if name in runs} == runs


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("aiohttp==3.14.5", "aiohttp has no SHA-256"),
        (f"aiohttp>=3 --hash={HASH}", "not pinned to one version: aiohttp>=3"),
        ("aiohttp==3.14.5 --hash=md5:abcd", "aiohttp has no SHA-256"),
        (f"aiohttp==3.14.5 \\\n    --hash={HASH} \\\n    --hash=sha256:short", "aiohttp has no SHA-256"),
        (f"git+https://example.com/x --hash={HASH}", "not pinned"),
        (f"aiohttp==3.14.5 ; python_version >= '3' \\\n    --hash={HASH}\n    # via x\n", ""),
    ],
)
def test_a_pin_without_a_hash_is_named(text: str, said: str) -> None:
    _, wrong = audit.pins(text)
    assert wrong == [] if not said else said in wrong[0]


def a_distribution(site: Path, name: str = "Some_Thing", version: str = "1.0") -> Distribution:
    """Two files, a RECORD of them, and no licence."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (site / "thing.py").write_text("x = 1\n")
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"x = 1\n").digest()).rstrip(b"=").decode()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "RECORD").write_text(f"thing.py,sha256={digest},6\n{info.name}/METADATA,,\n{info.name}/RECORD,,\n")
    return Distribution.at(info)


def test_a_changed_or_missing_file_is_named(tmp_path: Path) -> None:
    found = a_distribution(tmp_path)
    assert list(audit.changed(found)) == []
    (tmp_path / "thing.py").write_text("x = 2\n")
    assert list(audit.changed(found)) == ["Some_Thing: thing.py was changed since it was installed"]
    (tmp_path / "thing.py").unlink()
    assert "can't be read" in next(iter(audit.changed(found)))


@pytest.mark.parametrize(
    ("pinned", "said"),
    [
        (f"some-thing==1.0 --hash={HASH}", []),
        (f"some-thing==1.1 --hash={HASH}", ["some-thing 1.0 is installed, 1.1 is pinned"]),
        (f"other==1.0 ; sys_platform == 'x' --hash={HASH}", ["some-thing 1.0 is installed and not pinned"]),
        (f"some.thing==1.0 --hash={HASH}\nother==2 --hash={HASH}", ["other is pinned and not installed"]),
    ],
)
def test_what_is_installed_is_what_is_pinned(tmp_path: Path, pinned: str, said: list[str]) -> None:
    assert list(audit.unlike(audit.pins(pinned)[0], [a_distribution(tmp_path)])) == said


def test_a_licence_that_nobody_states_shows(tmp_path: Path) -> None:
    assert audit.licence(a_distribution(tmp_path)) == "?"

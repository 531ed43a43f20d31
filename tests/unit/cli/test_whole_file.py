import os
import subprocess
import sys
from pathlib import Path

from proxy.cli.whole_file import write_out

FILL = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))  # What a full disk does: a part is written, then an error.
{imported}
try:
    {written}
except OSError as error:
    sys.exit(error.strerror)
"""


def on_a_full_disk(imported: str, written: str, place: Path) -> str:
    script = FILL.format(imported=imported, written=written)
    done = subprocess.run(
        [sys.executable, "-c", script, str(place)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 1
    return done.stderr.strip()


def test_a_report_that_can_not_be_written_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    (tmp_path / "q3.csv").write_text("of last quarter")
    imported, call = "from proxy.cli.whole_file import write_out", "write_out(Path(sys.argv[1]), b'x' * 10_000)"
    for name in ("q3.csv", "new.csv"):
        assert on_a_full_disk(imported, call, tmp_path / name) == "File too large"
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"q3.csv": "of last quarter"}


def test_starter_files_that_can_not_all_be_written_are_not_there_for_the_next_try(tmp_path: Path) -> None:
    imported = "from proxy.adapters.starter_files import write_starter"
    assert on_a_full_disk(imported, "write_starter(Path(sys.argv[1]))", tmp_path) == "File too large"
    assert not list(tmp_path.glob("*.yaml"))


def test_a_file_keeps_its_mode_and_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "private.csv").write_text("old")
    (tmp_path / "private.csv").chmod(0o600)
    (tmp_path / "link.csv").symlink_to("private.csv")
    write_out(tmp_path / "link.csv", b"new")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "private.csv").read_bytes() == b"new"
    assert (tmp_path / "private.csv").stat().st_mode & 0o777 == 0o600


def test_a_device_is_written_to_and_never_replaced() -> None:
    write_out(Path(os.devnull), b"x")
    assert Path(os.devnull).is_char_device()

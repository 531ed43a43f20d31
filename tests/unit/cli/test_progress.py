"""Progress: a bar where somebody watches, and nothing in a log."""

import io
import sys

import pytest

from proxy.cli.progress import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stderr", "said"), [(io.StringIO(), False), (Terminal(), True)])
def test_work_is_told_of_on_a_terminal_only(
    stderr: io.StringIO, said: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", stderr)
    with progress("Trying", 30_000, "calls") as step:
        step(10_000)
    assert ("Trying" in stderr.getvalue()) is said
    assert capsys.readouterr().out == ""

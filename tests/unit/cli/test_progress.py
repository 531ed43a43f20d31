"""Progress where nobody watches: a line every few seconds, on stderr."""

import pytest

from proxy.cli import progress


def test_quick_work_says_nothing_and_long_work_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    with progress.progress("Trying", 30_000, "calls") as step:
        for at, done in ((101.0, 1000), (106.0, 10_000), (107.0, 11_000), (112.0, 20_000)):
            now = at
            step(done)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "Trying: 10,000 of 30,000 calls\nTrying: 20,000 of 30,000 calls\n"

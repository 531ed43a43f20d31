from pathlib import Path

import duckdb
import pytest

from proxy.adapters.facts_duckdb import DuckFacts
from proxy.policy.rules import NO_RULES
from proxy.replay.fault import FactsError


def test_what_memory_cannot_hold_goes_to_a_folder_that_is_gone_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "facts.parquet"
    duckdb.execute(f"COPY (SELECT true AS replayed FROM range(3)) TO '{file}' (FORMAT parquet)")
    with DuckFacts(file, NO_RULES) as facts:
        assert facts.calls == 3
        ((scratch,),) = facts._base.execute("SELECT current_setting('temp_directory')").fetchall()
        assert not Path(scratch).is_relative_to(tmp_path)
        assert Path(scratch).is_dir()
    assert not Path(scratch).exists()
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_holds_no_facts_is_told(tmp_path: Path) -> None:
    file = tmp_path / "facts.parquet"
    file.write_bytes(b"not a file of facts")
    with pytest.raises(FactsError):
        DuckFacts(file, NO_RULES)

"""Which data sets are meant: by a set's path, by one of its files, by a folder; what is missing is named."""

from pathlib import Path

import pytest

from bench.redundancy_data import data_sets


def test_sets_are_found_by_path_file_or_folder_and_what_is_missing_is_named(tmp_path: Path) -> None:
    for name in ("a.calls.jsonl.gz", "a.texts.json.gz", "b.calls.jsonl.gz"):
        (tmp_path / name).touch()
    for given in ("a", "a.calls.jsonl.gz", "a.texts.json.gz", "a.labels.jsonl.gz"):
        assert data_sets(tmp_path / given) == [tmp_path / "a"]
    with pytest.raises(FileNotFoundError, match=r"no .*b\.texts\.json\.gz"):
        data_sets(tmp_path)
    (tmp_path / "b.texts.json.gz").touch()
    assert data_sets(tmp_path) == [tmp_path / "a", tmp_path / "b"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="holds no"):
        data_sets(tmp_path / "empty")

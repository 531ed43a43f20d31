"""Starter files: the commented policy files that a new folder begins with, shipped in the package."""

import json
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Final

from proxy.adapters.keys_file import NEW_FILE_MODE
from proxy.adapters.policy_snapshot import is_policy_file
from proxy.policy import keys_yaml
from proxy.policy import schema as policy_schema
from proxy.policy.load import FILES

FOLDER: Final = "starter"


def starter_files() -> dict[str, str]:
    """Name -> text."""
    found = {entry.name: entry.read_text(encoding="utf-8") for entry in (files("proxy") / FOLDER).iterdir()}
    return {name: found[name] for name in sorted(found) if is_policy_file(name)}


def write_starter(folder: Path) -> list[str]:
    """Write them into a folder that holds no policy file yet, making it if need be. Gives the names written.

    Beside them, in `.schema/`, lie the schemas that they name for editors.
    A folder with any policy file is somebody's own, and left as it is. Raises OSError.
    """
    if folder.is_dir() and any(is_policy_file(path.name) for path in folder.iterdir()):
        return []
    folder.mkdir(parents=True, exist_ok=True)
    written = starter_files()
    try:
        for name, text in written.items():
            (folder / name).write_text(text, encoding="utf-8")
        (folder / keys_yaml.FILE).chmod(NEW_FILE_MODE)
        write_schemas(folder / policy_schema.FOLDER)
    except BaseException:
        for name in written:  # Or the next try would take what there is of them for somebody's own.
            (folder / name).unlink(missing_ok=True)
        raise
    return list(written)


def write_schemas(folder: Path, of: Iterable[str] = FILES) -> list[str]:
    """Write the schemas of these policy files, making the folder if need be. Gives their names. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {policy_schema.file_name(file): policy_schema.schema(file) for file in of}
    for name, document in written.items():
        (folder / name).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return list(written)

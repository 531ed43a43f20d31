"""Keys editors: who gave the command that wrote an entry of keys.yaml last, beside that file, for the ledger's record.

It is a word of whoever may write keys.yaml, as everything in that file is; what an editor or git changed has none.
"""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Final

import msgspec

from proxy.ledger.policy_record import state
from proxy.policy.types import Key

ENTRIES_MAX: Final = 10_000
"""Of the newest. More keys than that are not made by hand."""
_READER: Final = msgspec.json.Decoder(dict[str, tuple[str, str]])


def _beside(keys_file: Path) -> Path:
    # Erasing a person looks at what is called so.
    return keys_file.with_name(f".{keys_file.name}.editors")


def note(keys_file: Path, keys: Iterable[Key], by: str) -> None:
    """These entries, as they will be, are written by that user of the machine. Never raises: without it, nobody is
    named."""
    path = _beside(keys_file)
    entries = dict(_read(path))
    for key in keys:
        entries.pop(key.id, None)
        entries[key.id] = (state(key), by)
    newest = dict(list(entries.items())[-ENTRIES_MAX:])
    temporary = path.with_name(f"{path.name}.{token_hex(4)}")
    with suppress(OSError):
        folder = keys_file.parent.stat()
        temporary.touch(0o600)
        try:
            temporary.write_bytes(msgspec.json.encode(newest))
            if os.geteuid() == 0:
                # The server must be able to read it.
                os.chown(temporary, folder.st_uid, folder.st_gid)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def editor(keys_file: Path, key: Key) -> str:
    """Who wrote this entry as it is; '' where that isn't known."""
    said, by = _read(_beside(keys_file)).get(key.id, ("", ""))
    return by if said == state(key) else ""


def _read(path: Path) -> Mapping[str, tuple[str, str]]:
    try:
        return _READER.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}

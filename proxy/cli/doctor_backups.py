"""What `outlay doctor` says of backups, and of a person's erasure that was cut off."""

from collections.abc import Iterator
from typing import Final

import msgspec

from proxy.adapters.clock import SystemClock
from proxy.adapters.journal_segments import DAY_US
from proxy.cli.finding import Finding
from proxy.settings import Settings

DAYS_MAX: Final = 7
"""An older backup is worth a word where facts are dropped."""
_MEND: Final = "outlay backup FOLDER, every night"


def backups(settings: Settings) -> Iterator[Finding]:
    # Imported here: the database's library is heavy, and a folder that isn't there yet needs none of it.
    from proxy.app.backing_up import backed_up
    from proxy.app.erasing import PENDING_FILE

    if not settings.data.is_dir():
        return
    pending = settings.data / PENDING_FILE
    if pending.exists():
        mend = f"stop the server and repeat outlay erase person for whom {pending} names"
        yield Finding("wrong", "erasing a person was cut off: the name is still in places", mend)
    try:
        at_us = backed_up(settings.data).at_us
    except (OSError, msgspec.DecodeError) as error:
        yield Finding("wrong", f"what the last backup has can't be read: {error}", _MEND)
        return
    dropped = bool(settings.journal_days or settings.calls_days)
    if not at_us:
        if dropped:
            yield Finding("wrong", "old facts are dropped, and there is no backup", _MEND)
        return
    days = (SystemClock().now_us() - at_us) / DAY_US
    old = dropped and days > DAYS_MAX
    yield Finding("note" if old else "ok", f"last backup {days:.1f} days ago", _MEND if old else "")

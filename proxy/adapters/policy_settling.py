"""Policy settling: when what was seen of a changing folder may be taken for a whole set. Pure: looks come in.

Three looks in a row must find the same bytes. That outlasts an editor that renames, a checkout, a copy without pauses.
No waiting tells a copy that pauses from one that is done, so whoever changes the folder may say so (a hold): as long
as they do, nothing settles.
"""

from typing import Final

SETTLED_LOOKS: Final = 3
"""So many in a row must find the same bytes. With the load of 10,000 keys that stays within the promised 2 s."""
READING_LOOKS: Final = 16
"""After a change the files are read at so many looks, 4 s of them, whatever their times say: on a file system that
keeps whole seconds (NFS, FAT), whose clock may be another than ours, a second change may leave no trace in them."""
HELD_LOOKS: Final = 8
"""A hold that keeps a change waiting longer than that is told."""


class Settling:
    """Of one folder. A digest is what tells one content from another."""

    def __init__(self) -> None:
        self.settled = b""
        """The digest of the files last taken up, valid or not."""
        self.waits = False
        """True: a hold has kept a change waiting for long."""
        self._pending = b""
        self._seen = 0
        self._held = 0
        self._reading = 0

    @property
    def reading(self) -> bool:
        """True: the next look reads the files, even where nothing shows that they changed."""
        return bool(self._pending) or self._reading > 0

    def began(self, digest: bytes) -> None:
        """The files were taken up at a start; b'' where they weren't, and must settle first."""
        self.settled, self._pending, self._reading = digest, b"", READING_LOOKS

    def look(self, digest: bytes, *, changed: bool, held: bool) -> bool:
        """What a look found; True where it is settled, to be taken up now, and counts as taken up.

        `changed`: the files' times differ from those of the look before. `held`: somebody says that they are at it.
        """
        self._reading = READING_LOOKS if changed else max(0, self._reading - 1)
        if digest == self.settled:
            self._pending, self._held, self.waits = b"", 0, False
            return False
        self._held = self._held + 1 if held else 0
        self.waits = self._held > HELD_LOOKS
        self._seen = 0 if held else self._seen + 1 if digest == self._pending else 1
        self._pending = digest
        if self._seen < SETTLED_LOOKS:
            return False
        self._pending, self.settled = b"", digest
        return True

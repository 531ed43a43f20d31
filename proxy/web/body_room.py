"""BodyRoom: how much memory the bodies of all calls together may take, from their first byte to their call's end."""

from typing import Final

BODIES_BYTES_MAX: Final = 512 * 1024 * 1024


class NoRoomError(Exception):
    """Other calls' bodies take all the room; they leave it as they end."""


class BodyRoom:
    """Of one gateway."""

    def __init__(self, bytes_max: int = BODIES_BYTES_MAX) -> None:
        self.bytes_max = bytes_max
        self.taken = 0

    def share(self) -> "Share":
        return Share(self)


class Share:
    """What one call takes of the room."""

    __slots__ = ("_room", "_taken")

    def __init__(self, room: BodyRoom) -> None:
        self._room = room
        self._taken = 0

    def take(self, count: int) -> None:
        """Take so many bytes more. Raises NoRoomError."""
        if self._room.taken + count > self._room.bytes_max:
            raise NoRoomError
        self._room.taken += count
        self._taken += count

    def leave(self) -> None:
        self._room.taken -= self._taken
        self._taken = 0

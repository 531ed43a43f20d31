"""Recording: the client's side of a call, noted as the bytes pass, so that they may be given again: to those who follow
the call while it runs, and, whole, to those who come later.

The call itself never notices, save that it goes on while anybody listens: the provider is hung up on once the
client and all followers are gone. Followers read from the beginning, at their own pace.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from proxy.gateway.client import Client, HeaderLines, by_task
from proxy.model.decision import Refusal
from proxy.model.entry import Settled

FOLLOWERS_MAX: Final = 100
"""Of one call; further twins go to the provider themselves."""
BACKLOG_BYTES: Final = 256 * 1024
"""Of an answer too long to be kept whole, the slowest follower is at most so far behind: the provider's bytes wait."""
STALL_S: Final = 30.0
"""A follower that takes nothing for so long while others wait for it is let go."""


class Recording:
    """Fulfils Client."""

    def __init__(
        self,
        client: Client,
        call_id: str,
        *,
        room: Callable[[int], bool],
        bytes_max: int,
        text: bool = True,
        followable: bool = False,
        ended: Callable[["Recording"], None] = lambda _: None,
        stall_s: float = STALL_S,
    ) -> None:
        """`room` takes room for so many more bytes, or says that there is none; `bytes_max`: a longer answer isn't kept
        whole; `text` False: its bytes are counted, and none is kept; `ended` is told of the answer's end before the
        client."""
        self.call_id = call_id
        self.status = 0
        self.headers: HeaderLines = []
        self.bytes = 0
        """Of the body so far."""
        self.taken = 0
        """Bytes of the room that it has."""
        self.entry: Settled | None = None
        """How the call was settled; there before its last byte passes."""
        self.refusal: Refusal | None = None
        """An answer of outlay's own, which takes the place of the provider's."""
        self.ended = False
        """The answer came to its end."""
        self.over = False
        """Nothing more comes."""
        self._client = client
        self._room = room
        self._bytes_max = bytes_max
        self._ended = ended
        self._stall_s = stall_s
        self._pieces: list[bytes] = []
        self._dropped = 0
        """Pieces that are no longer among them."""
        self._noting = text
        """Every piece is there."""
        self._followable = followable
        self._followers: set[Follower] = set()
        self._left = False
        """The client is gone."""
        self._changed = asyncio.Event()

    @property
    def body(self) -> bytes | None:
        """All of it; None: it isn't whole, or there was no room for it."""
        return b"".join(self._pieces) if self.ended and self._noting else None

    @property
    def followable(self) -> bool:
        return self._followable and self._noting and not self.over and len(self._followers) < FOLLOWERS_MAX

    def follow(self) -> "Follower":
        """From its beginning; only where it is followable."""
        follower = Follower(self)
        self._followers.add(follower)
        return follower

    async def start(self, status: int, headers: HeaderLines) -> None:
        self.status, self.headers = status, headers
        self._tell()
        if not self._left:
            await self._client.start(status, headers)

    async def write(self, data: bytes) -> None:
        self._note(data)
        if not self._left:
            await self._client.write(data)
        if not self._noting:
            await self._taken()

    def write_now(self, data: bytes) -> bool:
        return False

    async def end(self, data: bytes = b"") -> None:
        self._note(data)
        self.ended = True
        self._finish()
        self._ended(self)
        if not self._left:
            await self._client.end(data)

    def abort(self) -> None:
        self._finish()
        self._client.abort()

    async def refuse(self, refusal: Refusal, call_id: str) -> None:
        self.refusal = refusal
        self._finish()
        if not self._left:
            await self._client.refuse(refusal, call_id)

    def when_gone(self, told: Callable[[], None]) -> Callable[[], None]:
        return by_task(self.gone, told)

    async def gone(self) -> None:
        """Returns when nobody listens any more."""
        await self._client.gone()
        self._left = True
        while self._followers:
            await self.change()
        self._followable = False

    def close(self) -> None:
        """The call is over, however it ended."""
        if not self.over:
            self._finish()

    async def change(self) -> None:
        await self._changed.wait()

    def _finish(self) -> None:
        self.over = True
        self._tell()

    def _tell(self) -> None:
        """Everybody who waits for a change looks again."""
        self._changed.set()
        self._changed = asyncio.Event()

    def _note(self, data: bytes) -> None:
        if not data:
            return
        self.bytes += len(data)
        self._noting = self._noting and self._has_room(len(data))
        if self._noting or self._followers:
            self._pieces.append(data)
        elif self._pieces:
            self._dropped += len(self._pieces)
            self._pieces.clear()
        self._tell()

    def _has_room(self, more: int) -> bool:
        if self.bytes > self._bytes_max or not self._room(more):
            return False
        self.taken += more
        return True

    async def _taken(self) -> None:
        """Wait for followers who are too far behind."""
        self._drop()
        while slow := [each for each in self._followers if self.bytes - each.bytes > BACKLOG_BYTES]:
            # The event as it is now: a change until the wait begins must not be missed.
            try:
                await asyncio.wait_for(self._changed.wait(), self._stall_s)
            except TimeoutError:
                for each in slow:
                    each.let_go()
            self._drop()

    def _drop(self) -> None:
        """What all have taken."""
        taken = min((each.at for each in self._followers), default=self._dropped + len(self._pieces)) - self._dropped
        if taken > 0:
            del self._pieces[:taken]
            self._dropped += taken


class Follower:
    """One who is given the answer of a call that somebody else makes."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.at = 0
        """Pieces that it has taken."""
        self.bytes = 0
        self._let_go = False

    async def begun(self) -> bool:
        """Once it is known: True where the answer begins, False where none came."""
        while not self.recording.status and not self.recording.over:
            await self.recording.change()
        return bool(self.recording.status)

    async def piece(self) -> bytes | None:
        """The next; None: there is no more, or it was too slow."""
        recording = self.recording
        while not self._let_go:
            at = self.at - recording._dropped
            if at < len(recording._pieces):
                piece = recording._pieces[at]
                self.at += 1
                self.bytes += len(piece)
                if not recording._noting:
                    recording._tell()
                return piece
            if recording.over:
                return None
            await recording.change()
        return None

    @property
    def whole(self) -> bool:
        """It has all of an answer that came to its end."""
        return self.recording.ended and self.bytes == self.recording.bytes

    def let_go(self) -> None:
        """It is given nothing more, and holds nobody up."""
        self._let_go = True
        self.leave()

    def leave(self) -> None:
        """It listens no more."""
        self.recording._followers.discard(self)
        self.recording._tell()

"""IdleConnections: aiohttp's connections that wait for the next call to their origin, without going back to aiohttp.

To give one back to aiohttp's pool and to take it out again passes twenty functions, each time. So as long as nobody
needs a new connection they stay here, and count for aiohttp as in use. Whoever needs one has all of them given back
first, and none is kept until it has one: so aiohttp's limits mean what they say, and nobody waits for what only rests.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

from proxy.gateway.deadline import Deadline


class IdleConnections:
    """Of one transport, in one event loop."""

    def __init__(self, idle_s: float) -> None:
        """`idle_s`: none is kept longer."""
        self._idle_s = idle_s
        self._kept: dict[str, list[tuple[Connection, float]]] = {}
        """By origin, the longest idle first."""
        self._asked = 0
        """Calls that need a new one."""
        self._deadline = Deadline(self._expire)

    def take(self, origin: str) -> Connection | None:
        """The one that was used last; None: none is open."""
        kept = self._kept.get(origin)
        while kept:
            connection, ends_s = kept.pop()
            protocol = cast(ResponseHandler, connection.protocol)
            # What came unasked would be read as the next call's answer.
            usable = protocol.is_connected() and not protocol.should_close
            if usable and ends_s > self._deadline.now_s():
                return connection
            connection.close()
        return None

    def keep(self, origin: str, connection: Connection) -> None:
        """A call on it has come to its end."""
        if self._asked or cast(ResponseHandler, connection.protocol).should_close:
            return connection.release()
        kept = self._kept.get(origin)
        if kept is None:
            kept = self._kept[origin] = []
        kept.append((connection, self._deadline.now_s() + self._idle_s))
        if not self._deadline.set:
            self._deadline.within(self._idle_s)

    @contextmanager
    def asked(self) -> Iterator[None]:
        """While somebody needs a new one from aiohttp, or waits for one."""
        self._asked += 1
        kept, self._kept = self._kept, {}
        for connections in kept.values():
            for connection, _ in connections:
                connection.release()
        try:
            yield
        finally:
            self._asked -= 1

    def close(self) -> None:
        """None is kept any more."""
        self._deadline.stop()
        self._asked += 1
        kept, self._kept = self._kept, {}
        for connections in kept.values():
            for connection, _ in connections:
                connection.close()

    def _expire(self) -> None:
        now_s = self._deadline.now_s()
        for origin, connections in list(self._kept.items()):
            while connections and connections[0][1] <= now_s:
                connections.pop(0)[0].close()
            if not connections:
                del self._kept[origin]
        if self._kept:
            self._deadline.within(min(each[0][1] for each in self._kept.values()) - now_s)

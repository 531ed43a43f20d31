"""A clock that stands still until it is moved."""


class FakeClock:
    """Fulfils ports.clock.Clock."""

    def __init__(self, now_us: int = 1_800_000_000_000_000) -> None:
        self.wall_us = now_us
        self.elapsed_us = 0

    def now_us(self) -> int:
        return self.wall_us

    def monotonic_us(self) -> int:
        return self.elapsed_us

    def advance(self, microseconds: int) -> None:
        self.wall_us += microseconds
        self.elapsed_us += microseconds

import asyncio
from typing import Any

import pytest
from starlette.types import Message

from proxy.web.request_body import (
    ClientGoneError,
    Pace,
    TooLargeError,
    TooSlowError,
    declared_length,
    read_whole,
    stream,
)

TAKEN: list[int] = []


def receiver(*pieces: bytes, gone: bool = False) -> tuple[Any, list[int]]:
    """An ASGI receive over the pieces, and a list that counts how often it was asked."""
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": piece, "more_body": gone or number < len(pieces) - 1}
        for number, piece in enumerate(pieces)
    ]
    messages.append({"type": "http.disconnect"})
    asked: list[int] = []

    async def receive() -> dict[str, Any]:
        asked.append(1)
        return messages[len(asked) - 1]

    return receive, asked


async def test_a_body_in_pieces_is_joined() -> None:
    receive, _ = receiver(b"ab", b"", b"cd")
    assert await read_whole(receive, None, 10, TAKEN.append) == b"abcd"


async def test_a_body_above_the_limit_is_refused_before_it_is_read_where_its_length_is_stated() -> None:
    receive, asked = receiver(b"abcd")
    with pytest.raises(TooLargeError):
        await read_whole(receive, 4, 3, TAKEN.append)
    assert asked == []


async def test_a_body_above_the_limit_is_refused_as_soon_as_it_is() -> None:
    receive, asked = receiver(b"ab", b"cd", b"ef")
    with pytest.raises(TooLargeError):
        await read_whole(receive, None, 3, TAKEN.append)
    assert len(asked) == 2


async def test_a_client_that_hangs_up_while_uploading_is_told_apart() -> None:
    receive, _ = receiver(b"ab", gone=True)
    with pytest.raises(ClientGoneError):
        await read_whole(receive, None, 10, TAKEN.append)


async def test_a_streamed_body_is_asked_for_piece_by_piece() -> None:
    receive, asked = receiver(b"ab", b"cd")
    pieces = stream(receive)
    assert (await anext(pieces), len(asked)) == (b"ab", 1)
    assert (await anext(pieces), len(asked)) == (b"cd", 2)


@pytest.mark.parametrize(("value", "length"), [(b"12", 12), (b"-1", None), (b"1e3", None), (b"", None)])
def test_only_a_plain_number_is_a_length(value: bytes, length: int | None) -> None:
    assert declared_length({b"content-length": value}) == length


async def test_room_is_asked_for_before_each_piece_is_kept() -> None:
    receive, _ = receiver(b"ab", b"cde")
    taken: list[int] = []
    await read_whole(receive, None, 10, taken.append)
    assert taken == [2, 3]


async def test_a_body_that_does_not_end_in_time_is_given_up() -> None:
    async def receive() -> Any:
        await asyncio.Event().wait()

    with pytest.raises(TooSlowError):
        await read_whole(receive, 4, 10, TAKEN.append, seconds_max=0.01)


async def dripped(pieces: list[bytes], pause_s: float, pace: Pace, seconds_max: float = 60) -> bytes:
    """What is read of a body whose pieces come with such pauses between them."""
    left = list(pieces)

    async def receive() -> Message:
        await asyncio.sleep(pause_s)
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    return await read_whole(receive, None, 1000, lambda _: None, seconds_max, pace)


async def test_silence_within_a_body_has_an_end() -> None:
    with pytest.raises(TooSlowError):
        await dripped([b"a", b"b"], 60, Pace(idle_s=0.01, rate_min=0))
    assert await dripped([b"a", b"b"], 0.001, Pace(idle_s=60, rate_min=0)) == b"ab"


@pytest.mark.parametrize(
    ("waited_s", "size", "patience_s"),
    [(0, 0, 10), (9, 0, 1), (10, 1000, 1), (0, 1_000_000, 30), (100, 100_000, 10), (200, 100_000, -90)],
)
def test_a_body_must_come_with_its_rate_once_the_grace_is_over(waited_s: float, size: int, patience_s: float) -> None:
    assert Pace(idle_s=30, rate_min=1000).patience_s(waited_s, size) == patience_s


async def test_what_the_reader_takes_for_itself_does_not_count() -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"x", "more_body": True}

    pieces = stream(receive, Pace(idle_s=60, rate_min=0), 1.0)
    for _ in range(3):
        assert await anext(pieces) == b"x"
        await asyncio.sleep(0.4)
    await pieces.aclose()

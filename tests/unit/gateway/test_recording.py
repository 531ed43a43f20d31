"""A recording passes everything on, and gives it again from the beginning, whole or not at all."""

import asyncio

import pytest

from proxy.gateway.recording import BACKLOG_BYTES, FOLLOWERS_MAX, Recording
from proxy.model.decision import Reason, Refusal
from tests.fakes.client import RecordingClient

LINES = [(b"content-type", b"text/plain")]


def a_recording(bytes_max: int = 1000, *, room: bool = True, text: bool = True) -> tuple[Recording, RecordingClient]:
    client = RecordingClient()
    recording = Recording(
        client,
        "call_1",
        room=lambda _: room,
        bytes_max=bytes_max,
        text=text,
        followable=True,
        stall_s=0.01,
    )
    return recording, client


async def test_everything_passes_and_is_there_in_the_end() -> None:
    recording, client = a_recording()
    await recording.start(200, LINES)
    await recording.write(b"one ")
    assert recording.body is None
    await recording.end(b"two")
    assert (client.status, client.headers, client.body, client.ended) == (200, LINES, b"one two", True)
    assert (recording.body, recording.bytes, recording.taken) == (b"one two", 7, 7)


@pytest.mark.parametrize("made", [a_recording(6), a_recording(room=False), a_recording(text=False)])
async def test_what_has_no_room_is_not_kept_and_passes_all_the_same(made: tuple[Recording, RecordingClient]) -> None:
    recording, client = made
    await recording.start(200, LINES)
    await recording.write(b"one ")
    await recording.end(b"two")
    assert (recording.body, recording.bytes, recording._pieces) == (None, 7, [])
    assert (recording.followable, client.body) == (False, b"one two")


async def test_what_was_broken_off_is_not_whole() -> None:
    recording, client = a_recording()
    await recording.start(200, LINES)
    await recording.write(b"one ")
    follower = recording.follow()
    recording.abort()
    assert (recording.body, client.aborted) == (None, True)
    assert await follower.begun()
    assert [await follower.piece(), await follower.piece(), follower.whole] == [b"one ", None, False]


async def test_a_refusal_reaches_those_who_wait_for_an_answer() -> None:
    recording, _ = a_recording()
    follower = recording.follow()
    refusal = Refusal(502, Reason.PROVIDER_UNREACHABLE, "not there")
    await recording.refuse(refusal, "call_1")
    assert (await follower.begun(), recording.refusal) == (False, refusal)


async def test_only_so_many_follow_one_call() -> None:
    recording, _ = a_recording()
    followers = [recording.follow() for _ in range(FOLLOWERS_MAX)]
    assert not recording.followable
    followers[0].leave()
    assert recording.followable


async def test_nobody_listens_once_client_and_followers_are_gone() -> None:
    recording, client = a_recording()
    followers = [recording.follow(), recording.follow()]
    gone = asyncio.create_task(recording.gone())
    client.hung_up.set()
    for follower in followers:
        await asyncio.sleep(0)
        assert not gone.done()
        assert recording.followable
        follower.leave()
    await gone
    assert not recording.followable


async def test_a_follower_that_takes_nothing_is_let_go_and_the_others_go_on() -> None:
    recording, client = a_recording(10)
    await recording.start(200, LINES)
    stuck, quick = recording.follow(), recording.follow()

    async def take() -> int:
        taken = 0
        while (piece := await quick.piece()) is not None:
            taken += len(piece)
        return taken

    taking = asyncio.create_task(take())
    piece = b"x" * (BACKLOG_BYTES // 2)
    for _ in range(8):
        await recording.write(piece)
    await recording.end()
    assert await taking == len(client.body) == 8 * len(piece)
    assert quick.whole
    assert (await stuck.piece(), stuck.whole) == (None, False)
    assert recording._pieces == [] or recording.over

"""The player: makes the planned calls through the gateway, each when its time has come on the played clock."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import httpx

from proxy.cli.demo.company import Planned
from proxy.cli.demo.telling import Delivery

AT_ONCE: Final = 16
TIMEOUT_S: Final = 30.0
LOOK_S: Final = 0.005


@dataclass(slots=True)
class Progress:
    """What is done so far."""

    made: int = 0
    failed: int = 0
    """Answered with an error, as planned; or not at all."""
    at_s: float = 0.0
    """On the played clock, seconds since the epoch."""


async def tell(deliveries: Sequence[Delivery], ledger: str, secret: str, now_s: Callable[[], float]) -> None:
    """Each delivery when its time has come, one after the other, as GitHub would. Raises httpx.HTTPError where one is
    not taken."""
    async with httpx.AsyncClient(base_url=ledger, timeout=TIMEOUT_S, trust_env=False) as client:
        for each in deliveries:
            while now_s() < each.at.timestamp():  # noqa: ASYNC110  # another clock's time
                await asyncio.sleep(LOOK_S)
            answer = await client.post("/v1/events/github", content=each.body, headers=each.headers(secret))
            answer.raise_for_status()


async def play(
    calls: Sequence[Planned],
    gateway: str,
    keys: Mapping[str, str],
    now_s: Callable[[], float],
    told: Callable[[Progress], None],
) -> Progress:
    """Make every call; `told` hears of each. A machine that can't keep up makes the rest late, none is left out."""
    progress = Progress()
    places = asyncio.Semaphore(AT_ONCE)
    limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
    async with (
        httpx.AsyncClient(base_url=gateway, limits=limits, timeout=TIMEOUT_S, trust_env=False) as client,
        asyncio.TaskGroup() as group,
    ):
        for call in calls:
            while (now := now_s()) < call.at.timestamp():  # noqa: ASYNC110  # a clock has no event
                await asyncio.sleep(LOOK_S)
            await places.acquire()
            progress.at_s = now
            group.create_task(_make(client, call, keys[call.who], progress, places, told))
    return progress


async def _make(
    client: httpx.AsyncClient,
    call: Planned,
    key: str,
    progress: Progress,
    places: asyncio.Semaphore,
    told: Callable[[Progress], None],
) -> None:
    try:
        headers = {**call.headers, "authorization": f"Bearer {key}"}
        async with client.stream("POST", call.path, json=call.body, headers=headers) as answer:
            async for _ in answer.aiter_raw():
                if call.hang_up:
                    break
            progress.failed += answer.is_error
    except httpx.HTTPError:
        progress.failed += 1
    finally:
        progress.made += 1
        places.release()
        told(progress)

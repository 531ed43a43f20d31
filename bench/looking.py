"""What comparing calls costs: how long one look holds the event loop, and a whole call with the detector and without.

    python -m bench.looking [--calls N]

Prompts are ever new, which is the dearest case, and as large as a question, an agent's conversation, and a whole book.
Prints times of this machine, and ratios to the same call without the detector.
"""

import argparse
import asyncio
import json
import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import httpx
import respx

from tests.flow.world import World

URL: Final = "https://api.openai.test/v1/chat/completions"
SHAPES: Final = {"question, 1.5 KB": (1_500, 1), "agent, 77 KB in 40": (77_000, 40), "book, 2 MB": (2_000_000, 1)}
"""Characters, and messages they stand in."""
_WORDS: Final = 8_000


def prompts(size: int, parts: int, chance: random.Random) -> list[dict[str, str]]:
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 10))) for _ in range(_WORDS)]

    def text() -> str:
        made = "\n".join(" ".join(chance.choices(words, k=12)) + "." for _ in range(size // parts // 70 + 1))
        return made[: size // parts]

    return [{"role": ("user", "assistant")[at % 2], "content": text()} for at in range(parts)]


def a_world(router: respx.MockRouter, *, watched: bool) -> World:
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    message = {"role": "assistant", "content": "Done."}
    answer = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
    router.post(URL).mock(side_effect=lambda _: httpx.Response(200, json=answer))
    world = World(router, body_bytes_max=10_000_000, bodies_bytes_max=100_000_000)
    if not watched:
        world.app = replace(world.app, plane=replace(world.app.plane, watching=None))
        world.app = replace(world.app, admission=replace(world.app.admission, redundant=None))
    return world


async def played(world: World, bodies: list[bytes], looks: list[float]) -> float:
    """CPU seconds of all calls."""
    world.watching.look = _timed(world.watching.look, looks)  # type: ignore[method-assign]  # to time it
    start = time.process_time()
    for body in bodies:
        headers = {"content-type": "application/json"}
        answer = await world.call("POST", "/v1/chat/completions", content=body, headers=headers)
        assert answer.status_code == 200
        world.clock.advance(1_000_000)
    return time.process_time() - start


def _timed(look: Callable[..., None], looks: list[float]) -> Callable[..., None]:
    def timed(*given: Any) -> None:
        start = time.perf_counter()
        look(*given)
        looks.append(time.perf_counter() - start)

    return timed


async def main(calls: int) -> None:
    print(f"{'':24}{'look p50':>10}{'look max':>10}{'x without':>11}")
    for name, (size, parts) in SHAPES.items():
        chance = random.Random(size)  # repeatable
        bodies = [
            json.dumps({"model": "gpt-4o", "messages": prompts(size, parts, chance)}).encode()
            for _ in range(max(5, calls * 1_500 // (1_500 + size // 20)))
        ]
        looks: list[float] = []
        with respx.mock(assert_all_called=False) as router:
            await played(a_world(router, watched=True), bodies[:3], [])
            bare = await played(a_world(router, watched=False), bodies, [])
            watched = await played(a_world(router, watched=True), bodies, looks)
        # The look at admission and the one at settlement are of one call: only the first does the work.
        looks = sorted(looks)[-len(bodies) :]
        print(f"{name:24}{looks[len(looks) // 2] * 1e3:7.2f} ms{looks[-1] * 1e3:7.2f} ms{watched / bare:11.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200)
    asyncio.run(main(parser.parse_args().calls))

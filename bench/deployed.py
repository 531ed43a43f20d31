"""Deployed: what benches of real processes share: a folder for one run, its journal, and when budgets are in force."""

import argparse
import asyncio
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import aiohttp

from proxy.journal.codec import decode

IN_FORCE_POLLS: Final = 300
LEDGER: Final = "ledger"
"""Its own journal tells of no call."""


def arguments_of(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """With those that every run has: seed, keep."""
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="leave data and logs, and say where")
    return parser.parse_args()


def in_a_folder(name: str, run: Callable[[Path], int], *, keep: bool) -> int:
    """Run in a folder of its own, which stays where asked for, or where the run's exit code isn't 0."""
    folder = Path(tempfile.mkdtemp(prefix=f"outlay-{name}-"))
    code = run(folder)
    if keep or code:
        print(f"data and logs: {folder}")
    else:
        shutil.rmtree(folder)
    return code


def journal_lines(data: Path) -> Iterator[object]:
    """Every line of the gateway's journal, in order."""
    for path in sorted((data / "journal").glob("*/*.jsonl")):
        if path.parent.name != LEDGER:
            for line in path.read_bytes().splitlines():
                yield decode(line)


async def in_force(data: Path) -> None:
    """Wait until the gateway's budgets are in force: it has to know what was spent before."""
    place = await asyncio.to_thread(lambda: next(data.glob("gateway-*.sock")))
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(place))) as session:
        for _ in range(IN_FORCE_POLLS):
            async with session.get("http://gateway/readyz") as answer:
                if not (await answer.json()).get("budgets_waiting"):
                    return
            await asyncio.sleep(0.1)
    raise TimeoutError("the gateway's budget is not in force")

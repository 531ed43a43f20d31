"""What a call through the gateway costs, beside nginx as a plain proxy: `python -m bench.gateway`.

Everything runs on this machine: a fast provider, nginx, outlay's gateway with all that it does by default (keys, 20
rules, fingerprints, reservation, a durable journal, the redundancy detector), once more without the detector, and other
gateways where they are installed. Each round asks each of them for the same calls, one after the other, in an order
that changes; a ratio is taken within a round, so it holds on any machine and on a busy one. Printed are medians.

nginx and openssl must be there (`apt install nginx openssl`). The others are given as commands:

    python -m venv litellm && litellm/bin/pip install 'litellm[proxy]'
    npm install @portkey-ai/gateway
    python -m bench.gateway --litellm litellm/bin/litellm \\
        --portkey 'node node_modules/@portkey-ai/gateway/build/start-server.js --headless'

All of it takes about 12 minutes; `--short` 2, with the calls that the aims are about. `--write` puts table and chart
into docs/benchmarks.md.
"""

import argparse
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Final

import uvloop

from bench.gateway_bodies import Bodies, bodies
from bench.gateway_load import Load, Seen, played
from bench.gateway_report import Cell, Figures, Scenario, machine, printed, write
from bench.gateway_servers import Provider, Server, direct, litellm, nginx, outlay, portkey, provider

ROUNDS: Final = 5
SECONDS: Final = 1.0
"""How long calls of one kind begin, in one round, at one server."""
WARM_S: Final = 0.3
STARTS: Final = 3
"""Of a gateway, for its ready time."""
_IN_FLIGHT: Final = (1, 16, 64)
_STREAMS: Final = {"paced": "small", "burst": "small"}


def scenarios(*, short: bool) -> list[Scenario]:
    """Kinds of calls. `short`: those of the aims, at 16 in flight, and small ones one by one."""
    whole = [
        Scenario(size, way, in_flight)
        for size in ("small", "agent", "large")
        for way in ("plain", "secure")
        for in_flight in _IN_FLIGHT
    ]
    streams = [Scenario(size, way, 16) for way, size in _STREAMS.items()]
    if not short:
        return [*whole, *streams]
    kept = [each for each in whole if each.way == "plain" and each.size != "large" and each.in_flight != 64]
    return [*kept, *streams]


def play(server: Server, scenario: Scenario, made: Bodies, seconds: float) -> Seen:
    path, headers = server.path(scenario.way), server.headers
    return uvloop.run(played(Load(server.port, path, headers, made, scenario.in_flight, seconds, scenario.streamed)))


def measured(server: Server, scenario: Scenario, made: Bodies, seconds: float) -> Cell:
    """One cell: the server's CPU a call, and what its callers saw."""
    before_s = server.cpu_s() if server.pid else 0.0
    seen = play(server, scenario, made, seconds)
    cpu_us = (server.cpu_s() - before_s) / seen.calls * 1e6 if server.pid else 0.0
    return Cell(seen.calls, cpu_us, seen.p50_s * 1e6, seen.p99_s * 1e6, median(seen.first_s) * 1e6)


def compare(servers: list[Server], asked: list[Scenario], rounds: int, seconds: float) -> Figures:
    figures = Figures([server.name for server in servers], asked)
    for scenario in asked:
        able = [server for server in servers if scenario.way in server.ways]
        made = {server.name: bodies(scenario.size, stream=scenario.streamed) for server in able}
        for server in able:
            play(server, scenario, made[server.name], min(WARM_S, seconds))
        for number in range(rounds):
            turned = able[number % len(able) :] + able[: number % len(able)]
            for server in turned:
                figures.add(scenario, server.name, measured(server, scenario, made[server.name], seconds))
        print(printed(figures, scenario), flush=True)
    return figures


def start_times(folder: Path, upstream: Provider) -> dict[str, tuple[float, float]]:
    """Seconds until a gateway is ready, and its MiB then: medians of STARTS starts."""
    found: dict[str, list[tuple[float, float]]] = {}
    for number in range(STARTS):
        for name, detector in (("outlay", True), ("outlay without detector", False)):
            with outlay(folder / f"start-{detector}-{number}", upstream, name=name, detector=detector) as server:
                time.sleep(0.2)
                found.setdefault(name, []).append((server.ready_s, server.memory_mib()))
    return {name: sorted(each)[len(each) // 2] for name, each in found.items()}


def run(asked: argparse.Namespace) -> Figures:
    with tempfile.TemporaryDirectory(prefix="outlay-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        upstream = stack.enter_context(provider(folder / "upstream"))
        starts = start_times(folder, upstream) if asked.starts else {}
        made = [
            direct(upstream),
            nginx(folder / "nginx", upstream),
            outlay(folder / "outlay", upstream),
            outlay(folder / "without", upstream, name="outlay without detector", detector=False),
        ]
        if asked.litellm:
            made.append(litellm(folder / "litellm", upstream, asked.litellm))
        if asked.portkey:
            made.append(portkey(folder / "portkey", upstream, asked.portkey))
        servers = [stack.enter_context(each) for each in made]
        kinds = [each for each in scenarios(short=asked.short) if not asked.only or each.name in asked.only]
        figures = compare(servers, kinds, asked.rounds, asked.seconds)
        figures.memory = {each.name: each.memory_mib() for each in servers if each.pid}
        figures.starts = {**{each.name: (each.ready_s, 0.0) for each in servers if each.ready_s}, **starts}
        return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each cell")
    parser.add_argument("--short", action="store_true", help="only the calls that the aims are about")
    parser.add_argument("--only", action="append", help="one kind of call, by its name as printed; may be repeated")
    parser.add_argument("--no-starts", dest="starts", action="store_false", help="leave out ready times")
    parser.add_argument("--litellm", default="", help="the command of LiteLLM's proxy")
    parser.add_argument("--portkey", default="", help="the command that starts Portkey's gateway")
    parser.add_argument("--write", action="store_true", help="put the results into docs/benchmarks.md")
    parser.add_argument("--note", default="", help="a sentence on the circumstances, for --write")
    asked = parser.parse_args()
    missing = [program for program in ("nginx", "openssl") if shutil.which(program) is None]
    if missing:
        print(f"bench.gateway needs {' and '.join(missing)} (apt install {' '.join(missing)})", file=sys.stderr)
        return 2
    print(machine())
    figures = run(asked)
    print(figures.summary())
    if asked.write:
        write(figures, asked.note)
    return 0


if __name__ == "__main__":
    sys.exit(main())

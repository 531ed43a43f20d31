"""The command: makes the folder, runs the server, plays the weeks with progress, and says what to look at."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from proxy.adapters import admin_key, data_folder
from proxy.adapters.clock_played import played
from proxy.app import logs
from proxy.app.supervisor import Plane, Supervisor, planes
from proxy.cli.configured import NO, UNTRIED, configured, stop
from proxy.cli.demo.company import DAYS, plan
from proxy.cli.demo.delivered import sentences
from proxy.cli.demo.folder import READER, make
from proxy.cli.demo.player import Progress, play
from proxy.cli.demo.story import Story, bring_in, delivered, story, tell_all
from proxy.cli.on_path import exported
from proxy.cli.preflight import check_apart, check_ports
from proxy.cli.reachable import LOOPBACK, READY_WAIT_S, wait_until_open
from proxy.settings import Settings

STARTED: Final = "play-started"
"""File in the data folder, by which the processes know when the clock of the play began to run: when all are there."""
LOAD_S: Final = 3.0
"""How long the ledger may take to have loaded the end of the play."""
ADMIN: Final = "admin"
_DELIVERED: Final = """\
What was delivered for it, few people behind each service; why one deployment didn't count:
  outlay report deployments --since 14d --by service --reason demo
  outlay deployments explain {id}

"""
_FALLEN: Final = """\
outlay: the {0} of the demo ended before the play could begin (exit code {1}). Why stands in its own words above.
Nothing runs any more; mend that and start the demo again."""
_UNDER_THE_CLOCK: Final = {
    "proxy.app.gateway": "proxy.app.demo_gateway",
    "proxy.app.ledger": "proxy.app.demo_ledger",
}


class StartError(Exception):
    """A process of the demo isn't there in time. Its text says which."""


def demo(
    folder: Annotated[Path, typer.Option(help="Where the demo keeps its files; made anew.")] = Path("outlay-demo"),
    port: Annotated[int | None, typer.Option(help="Port of the data plane.", show_default="4141")] = None,
    ledger_port: Annotated[int | None, typer.Option(help="Port of the control plane.", show_default="4142")] = None,
    stand_in_port: Annotated[int | None, typer.Option(help="Port of the stand-in.", show_default="4140")] = None,
    seconds: Annotated[float, typer.Option(min=1, max=600, help="How long the two weeks take.")] = 25.0,
    then_stop: Annotated[bool, typer.Option("--then-stop", help="Stop after the play instead of staying up.")] = False,
) -> None:
    """A first look: the server, a stand-in provider, and two weeks of a small company in half a minute."""
    settings = configured(port=port, ledger_port=ledger_port, stand_in_port=stand_in_port, host=LOOPBACK)
    ports = [(settings.port, "--port"), (settings.ledger_port, "--ledger-port")]
    ports.append((settings.stand_in_port, "--stand-in-port"))
    check_apart(ports)
    check_ports(LOOPBACK, ports)
    try:
        made, keys = make(folder, f"http://{LOOPBACK}:{settings.stand_in_port}")
        told = story(made)
        own = replace(_alone(settings), policies=made.policies, data=made.data)
        data_folder.prepare(own.data)
        _, admin = admin_key.ensure(own.data, own.admin_key)
    except OSError as error:
        stop(f"{error.filename or folder} can't be written: {error.strerror}", UNTRIED)
    logs.configure(own, "demo")
    raise typer.Exit(asyncio.run(_run(own, keys | {ADMIN: admin}, told, seconds, then_stop=then_stop)))


def _alone(settings: Settings) -> Settings:
    """The demo's own: what the environment says for a real server (its TLS, keys, workers) has no place here."""
    plain = Settings(node="demo", log_level="error")
    return replace(plain, port=settings.port, ledger_port=settings.ledger_port, stand_in_port=settings.stand_in_port)


async def _run(settings: Settings, keys: dict[str, str], told: Story, play_s: float, *, then_stop: bool) -> int:
    begin_s = (datetime.now().astimezone() - timedelta(days=DAYS)).timestamp()
    times = (begin_s, play_s)
    supervisor = Supervisor(
        [_played(plane, settings, times) for plane in planes(settings, settings.stand_in_port)], stop_s=5.0
    )
    # Until everything is there: what can't start now won't start later either, and its words scroll away.
    supervisor.patient = False
    outcome: list[asyncio.Task[None]] = []

    def began() -> None:
        supervisor.patient = True

    def on_start() -> None:
        task = asyncio.create_task(_show(settings, keys, told, times, began, then_stop=then_stop))
        task.add_done_callback(lambda done: _after(done, supervisor, then_stop=then_stop))
        outcome.append(task)

    code = await supervisor.run(on_start)
    for task in outcome:
        task.cancel()
        ended = (await asyncio.gather(task, return_exceptions=True))[0]
        if supervisor.fallen is not None:
            name, its_code = supervisor.fallen
            typer.echo(_FALLEN.format(name.removesuffix("-0"), its_code), err=True)
        elif isinstance(ended, Exception):
            typer.echo(f"outlay: the play failed: {ended}", err=True)
            return code or NO
    return code


def _after(done: "asyncio.Task[None]", supervisor: Supervisor, *, then_stop: bool) -> None:
    if then_stop or (not done.cancelled() and done.exception()):
        supervisor.stop()


def _played(plane: Plane, settings: Settings, times: tuple[float, float]) -> Plane:
    """Gateway and ledger under the clock of the play; everything else as it is."""
    module = _UNDER_THE_CLOCK.get(plane.module)
    arguments = (repr(times[0]), str((settings.data / STARTED).resolve()), repr(times[1]))
    return plane if module is None else replace(plane, module=module, arguments=arguments)


async def _show(
    settings: Settings,
    keys: dict[str, str],
    told: Story,
    times: tuple[float, float],
    began: Callable[[], None],
    *,
    then_stop: bool,
) -> None:
    """`began` is called once everything is there. Raises StartError where it isn't in time."""
    from rich.console import Console

    out = Console(highlight=False)
    typer.echo(f"Two weeks of a small invented company, through the real path in {times[1]:.0f} seconds.")
    for name, port in (
        ("stand-in", settings.stand_in_port),
        ("gateway", settings.port),
        ("ledger", settings.ledger_port),
    ):
        if not await wait_until_open(LOOPBACK, port):
            raise StartError(f"after {READY_WAIT_S:.0f} s the {name} takes no connection on port {port}")
    began()
    ledger = f"http://{LOOPBACK}:{settings.ledger_port}"
    await bring_in(told, ledger, keys[ADMIN])
    start_s = time.time()
    data_folder.write_once(settings.data / STARTED, repr(start_s))
    now_s, end_s = played(times[0], start_s, times[1]), start_s + times[1]
    progress, _ = await asyncio.gather(_play(settings, keys, now_s, end_s, out), tell_all(told, ledger, now_s))
    typer.echo(f"{progress.made:,} calls were made, {progress.failed} of them answered with an error, as in life.")
    await asyncio.sleep(LOAD_S)
    if told.deliveries:
        for line in sentences(await delivered(ledger, keys[READER])):
            typer.echo(line)
    if not then_stop:
        typer.echo(_what_to_try(settings, keys, told))


async def _play(
    settings: Settings, keys: dict[str, str], now_s: Callable[[], float], end_s: float, out: object
) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bar

    assert isinstance(out, Console)
    calls = plan(datetime.fromtimestamp(end_s).astimezone())
    columns = (
        TextColumn("{task.description}"),
        BarColumn(40),
        TaskProgressColumn(),
        TextColumn("{task.fields[calls]}"),
    )
    with Bar(*columns, console=out) as bar:
        task = bar.add_task("starting        ", total=len(calls), calls="")

        def told(progress: Progress) -> None:
            day = datetime.fromtimestamp(progress.at_s).astimezone().strftime("%a %d %b %H:%M")
            bar.update(task, completed=progress.made, description=day, calls=f"{progress.made:,} calls")

        return await play(calls, f"http://{LOOPBACK}:{settings.port}", keys, now_s, told)


def _what_to_try(settings: Settings, keys: dict[str, str], told: Story) -> str:
    base = f"http://{LOOPBACK}:{settings.port}"
    path = exported()
    shipped = _DELIVERED.format(id=told.taken_back) if told.taken_back else ""
    return f"""
Now look, in a second terminal:
{path and f"{chr(10)}  {path}"}
  export OUTLAY_URL=http://{LOOPBACK}:{settings.ledger_port}
  export OUTLAY_KEY={keys[READER]}

What was spent, and for what; day by day; beside the week before:
  outlay report spend --since 14d --by team,project
  outlay report spend --since 14d --by day,team --format chart
  outlay report spend --since 7d --by model --compare

One project's sessions (on two Wednesdays an agent ran in a loop):
  outlay report spend --since 14d --by session --where project=app --reason loop

What of it was needless, in money (that agent, and a timer that nobody reads):
  outlay report waste --since 14d --by class,project

{shipped}Models without a price, with the entry to add; a file for a spreadsheet:
  outlay report prices --since 14d
  outlay report spend --since 14d --by project,day --format xlsx --out spend.xlsx

A call of your own, as alice (any model name works, the answer is a fake):
  curl -s {base}/v1/chat/completions \\
    -H 'authorization: Bearer {keys["alice"]}' \\
    -H 'content-type: application/json' \\
    -d '{{"model": "gpt-5-mini", "messages": [{{"role": "user", "content": "Hello"}}]}}'

Everything is in {settings.data.parent}/ (its policies/ is read anew when you edit it).
Ctrl-C stops it.
"""

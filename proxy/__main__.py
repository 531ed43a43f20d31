"""The command `outlay`: one Typer application, assembled from the groups in proxy.cli."""

from proxy.cli import streams  # noqa: I001  # before anything is opened
from proxy.cli import interrupted  # before what takes half a second to import

# isort: split
import sys
from errno import EDQUOT, EFBIG, EIO, ENOSPC
from typing import Annotated, Final

import typer

from proxy import VERSION
from proxy.cli import (
    backup,
    budget,
    deployments,
    doctor,
    erase,
    explain,
    init,
    keys,
    login,
    months,
    notify,
    policy,
    policy_replay,
    report,
    run,
    serve,
    setup,
    standin,
)
from proxy.cli.demo.command import demo

INTERRUPTED: Final = 130
"""What shells say of a command that Ctrl-C ended."""
NOT_WRITTEN: Final = (ENOSPC, EDQUOT, EFBIG, EIO)
"""Why standard output may take nothing."""

app = typer.Typer(
    name="outlay",
    help="A cost-governance proxy in front of LLM APIs: exact spend per user and project.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"outlay {VERSION}")
        raise typer.Exit


@app.callback()
def _root(
    _version_asked: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """A cost-governance proxy in front of LLM APIs: exact spend per user and project."""


app.command()(serve.serve)
app.command()(serve.gateway)
app.command()(serve.ledger)
app.command()(demo)
app.command("stand-in")(standin.stand_in)
app.command()(init.init)
app.add_typer(keys.app, name="keys")
policy.app.command("replay")(policy_replay.replay)
policy.app.command("explain")(explain.explain)
app.add_typer(policy.app, name="policy")
app.add_typer(report.app, name="report")
app.add_typer(budget.app, name="budget")
app.add_typer(deployments.app, name="deployments")
app.add_typer(months.app, name="months")
app.command()(months.export)
app.add_typer(notify.app, name="notify")
app.command()(login.login)
app.command(context_settings=run.CONTEXT)(run.run)
app.command()(setup.setup)
app.command()(doctor.doctor)
app.command()(backup.backup)
app.command()(backup.restore)
app.add_typer(erase.app, name="erase")
interrupted.heed()


def main() -> None:
    streams.forgive(sys.stdout)
    try:
        app()
    except KeyboardInterrupt:
        # Before a command has begun: each ends on an interrupt in its own way.
        sys.exit(INTERRUPTED)
    except OSError as error:
        # Of standard output: whatever else can't be read or written is told where it is tried.
        if error.errno not in NOT_WRITTEN:
            raise
        sys.exit(f"outlay: the output can't be written: {error.strerror}")


if __name__ == "__main__":
    main()

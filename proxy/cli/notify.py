"""`outlay notify test`: sends a test message to the targets of notify.yaml, so that a wrong address is found early."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Final

import typer

from proxy.adapters.notices_apprise import AppriseSender
from proxy.adapters.provider_secrets import ProviderSecrets
from proxy.cli.configured import configured, stop
from proxy.cli.finding import counted
from proxy.cli.policy_files import read_policies
from proxy.policy.mistakes import suggestion
from proxy.policy.types import Secret, Target
from proxy.ports.notices import Notice, NotSentError, Sender
from proxy.settings import secret_from_environ

app = typer.Typer(no_args_is_help=True, help="Notification targets of notify.yaml.")

UNUSABLE: Final = 2
NO_TARGETS: Final = "notify.yaml has no targets"
TEST: Final = Notice(
    kind="test",
    key="test",
    title="A test by outlay",
    text="Someone ran `outlay notify test`. Notices of outlay will look like this one; nothing has happened.",
)


@app.command("test")
def send_test(
    name: Annotated[str, typer.Argument(metavar="TARGET", help="Its name in notify.yaml; without it: all.")] = "",
) -> None:
    """Send a test message: exit code 0 where all took it, 1 where one didn't, 2 where there is none to try."""
    settings = configured()
    policies = read_policies(settings)
    if isinstance(policies, list):
        what = (
            f"{settings.policies} can't be used: {counted(len(policies), 'mistake')}. outlay policy check says which."
        )
        stop(what, UNUSABLE)
    targets = [target for target in policies.targets if not name or target.name == name]
    if not targets:
        known = [target.name for target in policies.targets]
        stop(f"there is no target '{name}': {suggestion(name, known)}" if known else NO_TARGETS, UNUSABLE)
    address = ProviderSecrets(settings.policies, secret_from_environ).value
    with ThreadPoolExecutor(len(targets)) as pool:
        faults = list(pool.map(lambda target: fault(target, AppriseSender(), address), targets))
    for target, found in zip(targets, faults, strict=True):
        typer.echo(f"{target.name}: {found or 'the service took the message'}")
    raise typer.Exit(1 if any(faults) else 0)


def fault(target: Target, sender: Sender, address: Callable[[Secret], str | None]) -> str:
    """Why the target takes no message; '' where it took one. Never its address."""
    source = target.url
    found = address(source)
    if not found:
        place = f"the variable {source.name}" if source.source == "env" else f"the file {source.name}"
        return f"no address here: {place} holds none (the ledger needs it where it runs)"
    try:
        sender.send(found, TEST)
    except NotSentError as error:
        return f"not sent: {error}"
    except Exception as error:
        # A service's plugin may raise anything, and its words may hold the address.
        return f"not sent: {type(error).__name__}"
    return ""

"""`outlay policy`: what the policy files say, before a server does."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from proxy.cli.configured import NO, UNTRIED, configured, stop
from proxy.cli.policy_mistakes import refuse
from proxy.model.visible import visible_lines
from proxy.policy.types import PolicySet

COUNTED_IN_LINE: Final = 6
"""Of what `check` counts: callers, rules and services have a line each, which fits 80 columns."""

app = typer.Typer(
    no_args_is_help=True, help="Check policy files, try them on past calls, and explain what they made of one."
)


@app.command()
def check(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="The policy folder.", show_default="policies")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as mistakes do.")] = False,
) -> None:
    """Read the policy files as the server does, print every mistake in them, and try the cases of cases.yaml.

    Warnings are about what can be used and is probably not meant: a model that no price list knows, a team that no file
    names.

    Exit code 0: they can be used; 1: they have mistakes, a case fails, or with --strict there is a warning; 2: there is
    no such folder.
    """
    from proxy.adapters.prices_litellm import PriceListError, listed_models
    from proxy.cli.policy_files import read_policies

    settings = configured(policies=folder)
    if not settings.policies.is_dir():
        stop(f"there is no folder {settings.policies}; `outlay init` makes one", UNTRIED)
    try:
        read = read_policies(settings, listed_models())
    except PriceListError as error:
        stop(str(error), UNTRIED)
    if isinstance(read, list):
        refuse(read, as_json)
    failed = _failed_cases(read, settings.policies)
    _accepted(read, settings.policies, as_json, failed)
    if failed or (strict and read.warnings):
        raise typer.Exit(NO)


def _failed_cases(policies: PolicySet, folder: Path) -> list[str]:
    """A line for each case that another thing becomes of than it says."""
    if not policies.rules.cases:
        return []
    from proxy.cli.policy_cases import failing

    return [
        f"{folder / case.where}: the case '{case.name}' expects {case.expect}{_by(case.rule)}, and gets {found.outcome}"
        f"{_by(', '.join(found.rules)) if found.outcome != 'allow' else ''}\n    {why}"
        for case, found, why in failing(policies)
    ]


def _by(rules: str) -> str:
    return f" by {rules}" if rules else ""


@app.command()
def schema(
    file: Annotated[
        str | None, typer.Option("--file", metavar="NAME", help="Of one file, as budgets.yaml.", show_default="all")
    ] = None,
    write: Annotated[
        Path | None, typer.Option("--write", metavar="DIR", help="Write one for each file into this folder instead.")
    ] = None,
) -> None:
    """Print the JSON Schema of the policy files, by which editors complete settings and underline mistakes.

    Exit code 0: done; 2: there is no such policy file, or the folder can't be written.
    """
    from proxy.policy import schema as policy_schema
    from proxy.policy.load import FILES
    from proxy.policy.mistakes import suggestion

    if file is not None and file not in FILES:
        stop(f"no policy file has the name {file}: {suggestion(file, FILES)}", UNTRIED)
    if write is None:
        typer.echo(json.dumps(policy_schema.schema(file) if file else policy_schema.schemas(), indent=2))
        return
    from proxy.adapters.starter_files import write_schemas

    try:
        written = write_schemas(write, [file] if file else FILES)
    except OSError as error:
        stop(f"{write} can't be written: {error.strerror}", UNTRIED)
    typer.echo(f"Wrote {', '.join(written)} to {write}/.")


def _accepted(policies: PolicySet, folder: Path, as_json: bool, failed: list[str]) -> None:
    from proxy.policy.unregistered import unregistered

    missing = unregistered(policies.access, list(policies.keys.values()))
    counts = {
        "providers": len(policies.providers),
        "people": len(policies.access.people),
        "service_accounts": len(policies.access.service_accounts),
        "projects": len(policies.access.projects),
        "keys": len(policies.keys),
        "prices": len(policies.prices.rules),
        "budgets": len(policies.rules.budgets),
        "limits": len(policies.rules.limits),
        "model_rules": len(policies.rules.models),
        "redundancy_rules": len(policies.rules.redundancy),
        "evaluations": len(policies.rules.evaluations),
        "cases": len(policies.rules.cases),
        "services": len(policies.services.services),
        "sources": len(policies.services.sources),
        "mirrors": len(policies.services.mirrors),
    }
    if as_json:
        document = {
            "ok": not failed,
            "version": policies.version,
            **counts,
            "warnings": [asdict(warning) for warning in policies.warnings],
            "unregistered": asdict(missing),
            "failed_cases": failed,
        }
        typer.echo(json.dumps(document, indent=2))
        return
    for warning in policies.warnings:
        typer.echo(f"{warning}  (a warning)")
    if missing:
        typer.echo("Keys name what access.yaml doesn't know. To register them, add:\n")
        typer.echo("\n".join(missing.lines_to_add()) + "\n")
    listed = [_counted(count, name) for name, count in counts.items()]
    for line in failed:
        typer.echo(visible_lines(line), err=True)
    state = f"has no mistake, but fails {_counted(len(failed), 'cases')}" if failed else "is fine"
    typer.echo(f"{folder}/ {state}:")
    for start in range(0, len(listed), COUNTED_IN_LINE):
        typer.echo(f"  {', '.join(listed[start : start + COUNTED_IN_LINE])}")
    typer.echo(f"Version {policies.version}.")


def _counted(count: int, name: str) -> str:
    words = name.replace("_", " ")
    return f"{count} {words}" if count != 1 else f"1 {'person' if words == 'people' else words.removesuffix('s')}"

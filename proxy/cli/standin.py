"""`outlay stand-in`: a fake LLM provider, for a first metered call without any provider key."""

from typing import Annotated

import typer

from proxy.standin import HOST_DEFAULT, PORT_DEFAULT


def stand_in(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where it listens; 0 takes a free port.")] = PORT_DEFAULT,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = HOST_DEFAULT,
) -> None:
    """Run the stand-in provider: a fake that speaks like OpenAI and Anthropic, needs no key and asks no model."""
    from proxy.standin.server import serve

    try:
        serve(host, port, _announce)
    except OSError as error:
        typer.echo(f"The stand-in can't listen on {host}:{port}: {error.strerror or error}", err=True)
        raise typer.Exit(1) from None


def _announce(url: str) -> None:
    typer.echo(f"Stand-in provider (a fake: no model is asked) on {url}")
    typer.echo(f"  OpenAI clients:    base URL {url}/v1")
    typer.echo(f"  Anthropic clients: base URL {url}")
    typer.echo("In providers.yaml, use it as the base_url of openai and of anthropic. Any key and any model name work.")

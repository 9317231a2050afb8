"""`mobius monitor`: attaches to the open window, or opens one over what is live."""

from __future__ import annotations

import click

from mobius.cli.context import app, environment_option, json_option, plain_option, quiet_option
from mobius.cli.following import follow


@click.command("monitor")
@environment_option
@click.option(
    "--duration", type=float, metavar="SECONDS", help="How long; default: the environment's window."
)
@click.option("--policy", metavar="NAME", help="conservative, strict, or one of your own.")
@json_option
@plain_option
@quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    environment: str | None,
    duration: float | None,
    policy: str | None,
    as_json: bool,
    plain: bool,
    quiet: bool,
) -> int:
    """Watch. Ctrl-C only ends the looking: the window goes on."""
    the_app = app(ctx, flags={"policy": policy} if policy else {})
    name = the_app.environment(environment).name
    if (duration or policy) and the_app.journal(name).active_run(name) is not None:
        click.echo("a window is open already: --duration and --policy are for a new one", err=True)
    return follow(
        lambda viewer: the_app.monitor(name, duration_s=duration, viewer=viewer),
        name,
        as_json=as_json,
        plain=plain,
        quiet=quiet,
    )

"""`mobius resume`: carries on a run that stands still."""

from __future__ import annotations

import click

from mobius.cli.context import app, environment_option, json_option, plain_option, quiet_option
from mobius.cli.following import follow


@click.command("resume")
@environment_option
@click.option("--done/--again", "step_done", default=None, help="What you saw of the step in doubt.")
@json_option
@plain_option
@quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    environment: str | None,
    step_done: bool | None,
    as_json: bool,
    plain: bool,
    quiet: bool,
) -> int:
    """Carry on a run whose runner is gone, or that waits for your answer."""
    the_app = app(ctx)
    name = the_app.environment(environment).name
    return follow(
        lambda viewer: the_app.resume(name, step_done=step_done, viewer=viewer),
        name,
        as_json=as_json,
        plain=plain,
        quiet=quiet,
    )

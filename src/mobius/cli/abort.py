"""`mobius abort`: stops the run that is going on and takes back what it did."""

from __future__ import annotations

import click

from mobius.cli.context import (
    app,
    confirm,
    environment_option,
    json_option,
    leave_evidence,
    plain_option,
    quiet_option,
    yes_option,
)
from mobius.cli.following import follow


@click.command("abort")
@environment_option
@json_option
@plain_option
@quiet_option
@yes_option
@click.pass_context
def command(
    ctx: click.Context, environment: str | None, as_json: bool, plain: bool, quiet: bool, yes: bool
) -> int:
    """Stop the run that is going on, or was left in the middle, and take back what it did."""
    the_app = app(ctx, or_last=True)
    name = the_app.environment(environment).name
    confirm(f"Abort the run in {name} and go back?", yes=yes)
    code = follow(
        lambda viewer: the_app.abort(name, viewer=viewer), name, as_json=as_json, plain=plain, quiet=quiet
    )
    leave_evidence(the_app, name)
    return code

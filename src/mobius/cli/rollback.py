"""`mobius rollback`: back to the previous release, to another one, or to a backup."""

from __future__ import annotations

import json

import click

from mobius.cli.context import (
    app,
    color,
    confirm,
    environment_option,
    json_option,
    plain_option,
    quiet_option,
    width,
    yes_option,
)
from mobius.cli.following import follow
from mobius.cli.plan import code


@click.command("rollback")
@environment_option
@click.option("--to", default="", metavar="RELEASE", help="This release instead of the previous one.")
@click.option("--backup", default="", metavar="FILE", help="Code, configuration and data of this backup.")
@click.option("--emergency", is_flag=True, help="Ask nothing; code alone unless --backup is given.")
@click.option("--reason", default="", metavar="TEXT", help="Why, for the record.")
@click.option("--dry-run", is_flag=True, help="Print the steps, change nothing.")
@click.option("--follow", "to_the_end", is_flag=True, help="Follow the two hours of watching too.")
@json_option
@plain_option
@quiet_option
@yes_option
@click.pass_context
def command(
    ctx: click.Context,
    environment: str | None,
    to: str,
    backup: str,
    emergency: bool,
    reason: str,
    dry_run: bool,
    to_the_end: bool,
    as_json: bool,
    plain: bool,
    quiet: bool,
    yes: bool,
) -> int:
    """Go back. Without arguments: to the release that was live before, with the data as it is.

    It wins over a run that only observes. Returns when traffic is back and the smoke tests ran.
    """
    the_app = app(ctx, or_last=True)
    name = the_app.environment(environment).name
    how = {"to": to, "backup": backup, "emergency": emergency, "because": reason}
    if dry_run:
        from mobius.report.plan import plan_json, plan_text

        made = the_app.plan_rollback(name, **how)
        text = json.dumps(plan_json(made)) if as_json else plan_text(made, width(), color(plain))
        click.echo(text)
        return code(made)
    if backup:
        lost = "Everything written since that backup goes (an emergency backup keeps it)."
        confirm(f"Restore the data of {backup}? {lost}", yes=yes or emergency)
    return follow(
        lambda viewer: the_app.rollback(name, detach=not to_the_end, viewer=viewer, **how),
        name,
        as_json=as_json,
        plain=plain,
        quiet=quiet,
    )

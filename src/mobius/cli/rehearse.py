"""`mobius rehearse`: restores a backup in a scratch place, and says how long going back with it would take."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from mobius.cli.context import app, environment_option, json_option, next_step
from mobius.report.words import duration


@click.command("rehearse")
@environment_option
@click.argument("backup", default="")
@json_option
@click.pass_context
def command(ctx: click.Context, environment: str | None, backup: str, as_json: bool) -> int:
    """Restore BACKUP (the newest, when none is named) beside the live data, check every hash and database, remove it.

    The live data is never touched. Exit 11 when the backup does not hold.
    """
    the_app = app(ctx)
    name = the_app.environment(environment).name
    proven = the_app.rehearse(name, backup, progress=lambda line: click.echo(line, err=True))
    if as_json:
        click.echo(json.dumps({"schema_version": 1, **asdict(proven)}, default=str))
    else:
        click.echo(f"{proven.name} was restored in {duration(proven.restore_s)} and checked")
    next_step(
        f"what going back would do: mobius rollback -e {name} --backup {proven.name} --dry-run", quiet=as_json
    )
    return 0

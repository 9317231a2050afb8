"""`mobius rehearse`: restores a backup in a scratch place, starts its release there, and says what going back takes."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from mobius.cli.context import app, environment_option, json_option, next_step
from mobius.errors import GateUnknown
from mobius.report.rehearsing import rehearsal_words
from mobius.report.words import size


@click.command("rehearse")
@environment_option
@click.argument("backup", default="")
@click.option(
    "--boot/--no-boot",
    "boot",
    default=None,
    help="Start its release on the restored copy, cut off, and smoke-test it; as rehearsal.boot says when not given.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be done; nothing is written.")
@json_option
@click.pass_context
def command(
    ctx: click.Context, environment: str | None, backup: str, boot: bool | None, dry_run: bool, as_json: bool
) -> int:
    """Restore BACKUP (the newest, when none is named) beside the live data, check every hash and database, remove it.

    The live data is never touched, and a release that is started there can neither see nor reach it. Exit 3 when the
    release does not run on its backup, 4 when it was to be started and could not be, 11 when the backup does not hold.
    """
    the_app = app(ctx)
    name = the_app.environment(environment).name
    if dry_run:
        return _say_what_would_be_done(ctx, name, backup, boot, as_json=as_json)
    proven, facts = the_app.rehearse(
        name, backup, boot=boot, progress=lambda line: click.echo(line, err=True)
    )
    if as_json:
        click.echo(json.dumps({"schema_version": 1, **asdict(proven), "rehearsal": dict(facts)}, default=str))
    else:
        click.echo(f"{proven.name} {rehearsal_words(facts)}")
    next_step(
        f"what going back would do: mobius rollback -e {name} --backup {proven.name} --dry-run", quiet=as_json
    )
    return GateUnknown.exit_code if facts["asked_to_boot"] and not proven.booted else 0


def _say_what_would_be_done(
    ctx: click.Context, name: str, backup: str, boot: bool | None, *, as_json: bool
) -> int:
    chosen, wanted, why_not = app(ctx).rehearsal_of(name, backup, boot=boot)
    if as_json:
        told = {
            "backup": chosen.name,
            "path": chosen.path,
            "boot": wanted,
            "not_proven": why_not,
            "dry_run": True,
        }
        click.echo(json.dumps({"schema_version": 1, **told}))
        return 0
    click.echo(f"would restore {chosen.name} ({size(chosen.size_bytes)}) in a scratch place and check it")
    if wanted and why_not:
        click.echo(f"would NOT start its release there: {why_not}")
    elif wanted:
        click.echo(f"would start {chosen.release_id} there, cut off from all that is live, and smoke-test it")
    next_step(f"do it: mobius rehearse -e {name} {chosen.name}", quiet=False)
    return 0

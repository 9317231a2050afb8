"""`mobius restart`: the live release once more, with the present configuration and a way back."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from mobius.cli.context import app, environment_option, json_option, next_step, plain_option, quiet_option
from mobius.cli.following import follow
from mobius.cli.freeze import reason_of
from mobius.cli.plan import show_plan
from mobius.errors import UsageError


@click.command("restart")
@environment_option
@click.option("--process", "process", metavar="NAME", help="Only this one; a worker restarts where it runs.")
@click.option("--plan", "plan_hash", metavar="HASH", help="Only if the plan still has this hash.")
@click.option("--dry-run", is_flag=True, help="Print the plan, change nothing.")
@click.option("--despite-freeze", "despite", metavar="REASON", help="Go on although it is frozen, and why.")
@click.option("--detach", is_flag=True, help="Return once the window is open.")
@json_option
@plain_option
@quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    environment: str | None,
    process: str | None,
    plan_hash: str | None,
    dry_run: bool,
    despite: str | None,
    detach: bool,
    as_json: bool,
    plain: bool,
    quiet: bool,
) -> int:
    """Start what is live beside itself, with the configuration of mobius.toml as it is now, and move traffic there.

    No request is lost, and the release as it ran before stays warm as the way back until the window ends. Nothing
    is built or backed up: neither code nor schema changes. Exit codes are those of deploy.
    """
    despite_freeze = reason_of(despite)
    if plan_hash == "":
        raise UsageError("--plan names no plan", "copy the hash from: mobius restart --dry-run")
    the_app, only = app(ctx), process or ""
    name = the_app.environment(environment).name
    if only and not dry_run:
        restarted = the_app.restart_in_place(name, only, despite_freeze=despite_freeze)
        if restarted is not None:
            told = f"{only} was restarted in {restarted.slot} (pid {restarted.pid})"
            as_object = {"schema_version": 1, "event": "process restarted", **asdict(restarted)}
            click.echo(json.dumps(as_object) if as_json else told)
            next_step(f"see how it goes: mobius logs -e {name}", quiet=as_json or quiet)
            return 0
    if dry_run and only and the_app.is_restarted_in_place(name, only):
        click.echo(
            f"{only} would be restarted where it runs, as the live release has it; nothing else would change"
        )
        return 0
    if dry_run:
        made = the_app.plan_restart(name, only=only, despite_freeze=despite_freeze)
        return show_plan(ctx, made, as_json=as_json, plain=plain)
    return follow(
        lambda viewer: the_app.restart(
            name,
            only=only,
            plan_hash=plan_hash or "",
            detach=detach,
            despite_freeze=despite_freeze,
            viewer=viewer,
        ),
        name,
        as_json=as_json,
        plain=plain,
        quiet=quiet,
    )

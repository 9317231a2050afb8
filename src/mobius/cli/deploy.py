"""`mobius deploy`: ships a release, watches it, and takes it back when it is bad."""

from __future__ import annotations

import click

from mobius.cli.canary import canary_options, stages_of
from mobius.cli.context import app, environment_option, json_option, plain_option, quiet_option, yes_option
from mobius.cli.following import follow
from mobius.cli.freeze import reason_of
from mobius.cli.plan import dry_run as print_the_plan
from mobius.errors import UsageError


@click.command("deploy")
@environment_option
@click.option("--tag", metavar="TAG", help="What to deploy; default: RELEASE_TAG.")
@click.option("--plan", "plan_hash", metavar="HASH", help="Only if the plan still has this hash.")
@click.option("--dry-run", is_flag=True, help="Print the plan, change nothing.")
@click.option("--despite-freeze", "despite", metavar="REASON", help="Go on although it is frozen, and why.")
@click.option("--detach", is_flag=True, help="Return once the window is open.")
@canary_options
@json_option
@plain_option
@quiet_option
@yes_option
@click.pass_context
def command(
    ctx: click.Context,
    environment: str | None,
    tag: str | None,
    plan_hash: str | None,
    dry_run: bool,
    despite: str | None,
    detach: bool,
    canary: str | None,
    no_canary: bool,
    canary_hosts: int | None,
    as_json: bool,
    plain: bool,
    quiet: bool,
    yes: bool,
) -> int:
    """Deploy TAG and follow it to the verdict.

    The work runs on its own: Ctrl-C or a lost terminal only ends the looking. Exit 0: live and kept; 3, 4:
    refused before any effect; 12: failed and rolled back. With stages (--canary) 4 also says that one could not
    be judged, and that all requests went back.
    """
    despite_freeze, stages = reason_of(despite), stages_of(canary, no_canary, canary_hosts)
    if dry_run:
        return print_the_plan(
            ctx, environment, tag, as_json=as_json, plain=plain, despite_freeze=despite_freeze, canary=stages
        )
    if plan_hash == "":  # an empty variable: whoever names a plan does not mean "any"
        raise UsageError("--plan names no plan", "copy the hash from: mobius plan --tag TAG")
    the_app = app(ctx)
    name = the_app.environment(environment).name
    return follow(
        lambda viewer: the_app.deploy(
            name,
            tag,
            plan_hash=plan_hash or "",
            detach=detach,
            despite_freeze=despite_freeze,
            canary=stages,
            viewer=viewer,
        ),
        name,
        as_json=as_json,
        plain=plain,
        quiet=quiet,
    )

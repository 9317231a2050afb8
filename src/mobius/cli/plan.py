"""`mobius plan`: what a deployment would do, with every way back; nothing is changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import click

from mobius.cli.canary import canary_options, stages_of
from mobius.cli.context import app, color, environment_option, json_option, plain_option, width
from mobius.model.fleet import OnHosts
from mobius.model.plan import Plan

LOG = "deploy-dryrun.log"


@click.command("plan")
@environment_option
@click.option("--tag", metavar="TAG", help="What to deploy; default: RELEASE_TAG.")
@canary_options
@json_option
@plain_option
@click.pass_context
def command(
    ctx: click.Context,
    environment: str | None,
    tag: str | None,
    canary: str | None,
    no_canary: bool,
    canary_hosts: int | None,
    as_json: bool,
    plain: bool,
) -> int:
    """Print phases, checks, commands, expected durations and the ways back, with a hash.

    Exit 3 when a check says no, 4 when one could not be asked. Writes nothing but deploy-dryrun.log.
    """
    stages = stages_of(canary, no_canary, canary_hosts)
    return dry_run(ctx, environment, tag, as_json=as_json, plain=plain, canary=stages)


def dry_run(
    ctx: click.Context,
    environment: str | None,
    tag: str | None,
    *,
    as_json: bool,
    plain: bool,
    despite_freeze: str = "",
    canary: Sequence[int] | OnHosts | None = None,
) -> int:
    """Prints the plan of a deployment and writes it to the artifacts; returns the exit code of its checks."""
    made = app(ctx).plan(environment, tag, despite_freeze=despite_freeze, canary=canary)
    return show_plan(ctx, made, as_json=as_json, plain=plain)


def show_plan(ctx: click.Context, made: Plan, *, as_json: bool, plain: bool) -> int:
    """Prints this plan and writes it to the artifacts; returns the exit code its checks amount to."""
    from mobius.report.plan import plan_json, plan_text

    ports = app(ctx).ports(made.environment, read_only=True)
    ports.artifact(LOG, plan_text(made, 100) + "\n")
    if as_json:
        click.echo(json.dumps(_redacted(plan_json(made), ports.redact), ensure_ascii=False))
    else:
        click.echo(ports.redact(plan_text(made, width(), color(plain))))
    return code(made)


def _redacted(value: Any, redact: Callable[[str], str]) -> Any:
    """JSON data with every string gone through: a command that is planned may hold a secret."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: _redacted(inner, redact) for key, inner in value.items()}
    return [_redacted(inner, redact) for inner in value] if isinstance(value, list | tuple) else value


def code(plan: Plan) -> int:
    """0, or 3 for a no, or 4 for no answer."""
    outcomes = {check.outcome for check in plan.checks}
    if "FAIL" in outcomes:
        return 3
    return 4 if outcomes - {"PASS"} else 0

"""`mobius health`: the health endpoint once; fit for `watch -n 5`."""

from __future__ import annotations

import json

import click

from mobius.cli.context import app, environment_option, json_option, next_step
from mobius.model.verdict import Outcome

CODES = {Outcome.PASS: 0, Outcome.FAIL: 3}


@click.command("health")
@environment_option
@json_option
@click.pass_context
def command(ctx: click.Context, environment: str | None, as_json: bool) -> int:
    """Ask the health endpoint of the live address once. Exit 0 healthy, 3 not, 4 could not be asked."""
    the_app = app(ctx)
    settings = the_app.environment(environment)
    result = the_app.health(settings.name)
    if as_json:
        facts = {"environment": settings.name, "url": settings.url, "outcome": str(result.outcome)}
        told = {"message": result.message, "duration_ms": round(result.duration_ms, 1)}
        click.echo(json.dumps({"schema_version": 1, **facts, **told}))
    else:
        click.echo(f"{settings.name} {result.outcome}: {result.message} ({result.duration_ms:.0f} ms)")
    if result.outcome is not Outcome.PASS:
        next_step(f"look: mobius status -e {settings.name}", quiet=as_json)
    return CODES.get(result.outcome, 4)

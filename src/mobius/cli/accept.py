"""`mobius accept`: keeps the live release and ends its window."""

from __future__ import annotations

import json

import click

from mobius.cli.context import app, environment_option, json_option, leave_evidence, next_step
from mobius.model.run import RunState


@click.command("accept")
@environment_option
@json_option
@click.pass_context
def command(ctx: click.Context, environment: str | None, as_json: bool) -> int:
    """Keep the live release: its window ends now, and the old release stops."""
    the_app = app(ctx)
    run = the_app.accept(the_app.environment(environment).name)
    leave_evidence(the_app, run.environment)
    if as_json:
        facts = {"event": "accepted", "run": run.id, "state": str(run.state), "release": run.plan.release_id}
        click.echo(json.dumps({"schema_version": 1, **facts}))
    else:
        click.echo(f"{run.plan.release_id} is kept; run {run.id} is {run.sentence or run.state}")
    next_step(f"look: mobius status -e {run.environment}", quiet=as_json)
    # An inconclusive run keeps the code it ended with; this command did what it was asked.
    return 0 if run.state in (RunState.ACCEPTED, RunState.INCONCLUSIVE) else run.exit_code

"""`mobius smoke`: every smoke test on the live address."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from mobius.cli.context import app, environment_option, json_option, next_step
from mobius.model.verdict import Outcome, worst

CODES = {Outcome.PASS: 0, Outcome.FAIL: 3}
LOG = "postdeploy-smoketests.log"


@click.command("smoke")
@environment_option
@click.option(
    "--junit", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Also as JUnit."
)
@json_option
@click.pass_context
def command(ctx: click.Context, environment: str | None, junit: Path | None, as_json: bool) -> int:
    """Run the smoke tests. Exit 0 when all passed, 3 when one failed, 4 when one could not be made."""
    from mobius.report.junit import junit as as_junit
    from mobius.report.smoke import smoke_text

    the_app = app(ctx)
    name = the_app.environment(environment).name
    results = the_app.smoke(name)
    the_app.ports(name, read_only=True).artifact(LOG, smoke_text(results))
    if junit is not None:
        junit.parent.mkdir(parents=True, exist_ok=True)
        junit.write_text(as_junit("smoke tests", results, at=time.time()), encoding="utf-8")
    if as_json:
        for result in results:
            facts = {"event": "smoke", "name": result.name, "outcome": str(result.outcome)}
            told = {"message": result.message, "duration_ms": round(result.duration_ms, 1)}
            click.echo(json.dumps({"schema_version": 1, **facts, **told}, ensure_ascii=False))
    else:
        click.echo(smoke_text(results))
    outcome = worst([result.outcome for result in results])
    if outcome is not Outcome.PASS:
        next_step(f"look: mobius logs -e {name}", quiet=as_json)
    return CODES.get(outcome, 4)

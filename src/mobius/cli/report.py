"""`mobius report`: one run as JSON, and as one page that needs nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mobius.cli.context import app, color, environment_option, json_option, next_step, width
from mobius.cli.over_the_line import line
from mobius.errors import UsageError


@click.command("report")
@environment_option
@click.option(
    "--run", "run_id", type=int, metavar="N", help="Which run; default: the newest deployment or rollback."
)
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Where the page goes."
)
@json_option
@click.pass_context
def command(
    ctx: click.Context, environment: str | None, run_id: int | None, html: Path | None, as_json: bool
) -> int:
    """Write the report of a run. With --json it is printed; otherwise its page is written and named."""
    from mobius.report.summary import report_text

    the_app = app(ctx)
    name = the_app.environment(environment).name
    journal = the_app.journal(name)
    runs = journal.runs(name)
    chosen = journal.run(run_id) if run_id else next((r for r in runs if r.kind != "monitor"), None)
    if chosen is None:
        raise UsageError(f"nothing was deployed in {name} yet", f"mobius deploy -e {name} --tag TAG")
    made = the_app.report(name, chosen.id)
    if as_json:
        click.echo(json.dumps(made, ensure_ascii=False))
        return 0
    page = the_app.write_report(name, chosen.id, html)
    click.echo(report_text(made, width(), color=color()))
    over = line()
    next_step(f"open: {page}" if over is None else f"it lies there: {over.host}:{page.absolute()}")
    return 0

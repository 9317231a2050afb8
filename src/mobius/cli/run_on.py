"""`mobius run-on RUN`: is the runner of a run; started by a launcher, not by people."""

from __future__ import annotations

import signal

import click

from mobius.cli.context import app, environment_option
from mobius.errors import Locked


@click.command("run-on", hidden=True)
@click.argument("run_id", type=int)
@environment_option
@click.pass_context
def command(ctx: click.Context, run_id: int, environment: str | None) -> int:
    """Carry the run to its end. Exit 0 whatever its verdict: that stands in the journal."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    the_app = app(ctx)
    name = the_app.environment(environment).name
    try:
        run = the_app.run_on(name, run_id)
    except Locked as taken:
        # A newer run acts on this environment now: there is nothing left for this one to do.
        click.echo(f"run {run_id}: {taken.message}")
        return 0
    the_app.write_report(name, run.id, None)
    return 0

"""`mobius run-on RUN`: is the runner of a run; started by a launcher, not by people."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mobius.cli.context import app, environment_option
from mobius.errors import Locked, MobiusError

if TYPE_CHECKING:
    from mobius.wiring import App


@click.command("run-on", hidden=True)
@click.argument("run_id", type=int)
@environment_option
@click.option("--settings", type=click.Path(path_type=Path), help="The settings that the run began with.")
@click.pass_context
def command(ctx: click.Context, run_id: int, environment: str | None, settings: Path | None) -> int:
    """Carry the run to its end. Exit 0 whatever its verdict: that stands in the journal."""
    from mobius.host.unit import unit_file

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    the_app = _begun_with(ctx, settings) if settings else app(ctx)
    name = the_app.environment(environment).name
    try:
        run = the_app.run_on(name, run_id)
    except Locked as taken:
        # A newer run acts on this environment now: there is nothing left for this one to do.
        click.echo(f"run {run_id}: {taken.message}")
        _leave_evidence(the_app, name)
        return 0
    jobs = the_app.environment(name).root / "run" / "jobs"
    (jobs / f"run-{run_id}.env.json").unlink(missing_ok=True)  # nobody starts this run again
    unit_file(the_app.environment(name).root, "run", str(run_id)).unlink(missing_ok=True)
    try:
        the_app.write_report(name, run.id, None)
    except (OSError, MobiusError) as problem:
        click.echo(f"the report of run {run_id} could not be written: {problem}")
    _leave_evidence(the_app, name)
    return 0


def _leave_evidence(the_app: App, name: str) -> None:
    """Last of all, and whatever comes of it: the run has ended."""
    from mobius.wiring.evidence import try_evidence

    if problem := try_evidence(the_app, name):
        click.echo(problem)


def _begun_with(ctx: click.Context, kept: Path) -> App:
    """The App of the run's own settings; of `mobius.toml` where an older version kept them in another form."""
    from mobius.adapters.snapshot import load_settings
    from mobius.wiring import App

    try:
        return App(load_settings(kept), ctx.ensure_object(dict)["environ"])
    except MobiusError as problem:
        click.echo(f"{problem.message}; mobius.toml is used instead")
        return app(ctx)

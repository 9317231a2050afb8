"""`mobius history`: what was deployed and rolled back, newest first, and how it ended."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

from mobius.cli.context import app, environment_option, json_option, next_step

if TYPE_CHECKING:
    from mobius.model.run import Run
    from mobius.wiring import App

WIDTH = 80


@click.command("history")
@environment_option
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=20, show_default=True, metavar="N", help="How many."
)
@click.option("--dora", is_flag=True, help="How often, how fast, how many failed, how soon made good.")
@click.option(
    "--days",
    type=click.FloatRange(min=1, max=36_500),
    default=90,
    show_default=True,
    metavar="N",
    help="Period of --dora.",
)
@json_option
@click.pass_context
def command(
    ctx: click.Context, environment: str | None, limit: int, dora: bool, days: float, as_json: bool
) -> int:
    """List the runs, newest first; of every environment when none is named."""
    the_app, now = app(ctx), time.time()
    names = [the_app.environment(environment).name] if environment else list(the_app.environments)
    if dora:
        return _dora(the_app, names, days, now, as_json=as_json)
    newest = None
    for name in names:
        runs = the_app.journal(name).runs(name, limit)
        newest = newest or next(iter(runs), None)
        if as_json:
            for run in runs:
                click.echo(json.dumps(_as_json(run, now), ensure_ascii=False))
            continue
        if len(names) > 1:
            click.echo(f"{name}:")
        for run in runs:
            click.echo("\n".join(_lines(run, now)))
        if not runs:
            click.echo(f"no run yet in {name}", err=True)
    if newest:
        look = f"see one whole: mobius audit log -e {newest.environment} --run {newest.id}"
        next_step(look, quiet=as_json)
    return 0


def _dora(the_app: App, names: list[str], days: float, now: float, *, as_json: bool) -> int:
    """The four figures of each environment."""
    from mobius.flows.dora import dora_of
    from mobius.report.dora import dora_json, dora_lines

    for name in names:
        told = dora_of(the_app.journal(name), name, days=days, now=now)
        as_text = "\n".join(dora_lines(name, told))
        click.echo(json.dumps(dora_json(name, told), ensure_ascii=False) if as_json else as_text)
    next_step("what they are drawn from: mobius history", quiet=as_json)
    return 0


def _lines(run: Run, now: float) -> list[str]:
    """The run in a line, and under it its release, who, and how it stands."""
    from mobius.report.words import clock, duration, printable, shortened, wrapped

    took = duration((run.ended_at or now) - run.started_at)
    when = clock(run.started_at, now)
    tag = shortened(run.plan.tag or "-", 17)
    first = f"{run.id:>4}  {run.kind:<8} {tag:<17} {run.state:<14} {when:>17}  {took}"
    release = shortened(run.plan.release_id or "-", 40)
    who = printable(run.lead or str(run.holder or ""))
    said = f": {run.sentence}" if run.sentence else ""
    return [first.rstrip(), *wrapped(f"{release}, by {who}{said}", WIDTH, first=" " * 6)]


def _as_json(run: Run, now: float) -> dict[str, Any]:
    from mobius.report.words import iso

    return {
        "schema_version": 1,
        "event": "run",
        "run": run.id,
        "environment": run.environment,
        "kind": run.kind,
        "tag": run.plan.tag,
        "release_id": run.plan.release_id,
        "previous_id": run.plan.previous_id,
        "state": str(run.state),
        "ended": run.ended,
        "exit_code": run.exit_code,
        "lead": run.lead,
        "holder": str(run.holder or ""),
        "started": iso(run.started_at),
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "took_s": round((run.ended_at or now) - run.started_at, 3),
        "sentence": run.sentence,
        "plan": run.plan.hash,
    }

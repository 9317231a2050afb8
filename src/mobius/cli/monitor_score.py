"""`mobius monitor score`: how right the watch was, before anybody lets it act."""

from __future__ import annotations

import json
import time

import click

from mobius.cli.context import app, environment_option, json_option, width


@click.command("score")
@environment_option
@json_option
@click.pass_context
def score(ctx: click.Context, environment: str | None, as_json: bool) -> int:
    """Say how right the watch was, over all windows.

    How many healthy ones would have been rolled back, and how many bad ones were seen before a person saw it. Healthy:
    accepted, and nobody went back within a day. Windows that were no shadow count, too; but where the watch itself
    went back nobody knows whether it was right.
    """
    from mobius.report.scoring import score_json, score_text

    the_app = app(ctx)
    name = the_app.environment(environment or ctx.obj.get("environment")).name
    found = the_app.score(name)
    if as_json:
        click.echo(json.dumps({**score_json(found), "environment": name}, ensure_ascii=False))
    else:
        click.echo(score_text(found, time.time(), width()))
    return 0

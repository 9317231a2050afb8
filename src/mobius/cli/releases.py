"""`mobius releases`: the releases that are known, newest first, and the way back to each."""

from __future__ import annotations

import json
import time

import click

from mobius.cli.context import app, environment_option, json_option, next_step, width


@click.command("releases")
@environment_option
@json_option
@click.pass_context
def command(ctx: click.Context, environment: str | None, as_json: bool) -> int:
    """List releases: tag, state, since when, size, accepted or failed, and whether there is a way back to it."""
    from mobius.report.releases import release_json, releases_text

    the_app = app(ctx, or_last=True)
    name = the_app.environment(environment).name
    known = the_app.releases_at_hand(name)
    if as_json:
        for row in known:
            click.echo(json.dumps(release_json(row), ensure_ascii=False))
    elif known:
        click.echo(releases_text(known, time.time(), width()))
    else:
        click.echo(f"no release yet in {name}", err=True)
    next_step(f"go to one: mobius rollback -e {name} --to RELEASE", quiet=as_json or not known)
    return 0

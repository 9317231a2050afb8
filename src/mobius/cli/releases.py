"""`mobius releases`: the releases at hand, newest first."""

from __future__ import annotations

import json
import time
from dataclasses import asdict

import click

from mobius.cli.context import app, environment_option, json_option, next_step


@click.command("releases")
@environment_option
@json_option
@click.pass_context
def command(ctx: click.Context, environment: str | None, as_json: bool) -> int:
    """List releases with their state, commit and when they were staged."""
    the_app = app(ctx)
    name = the_app.environment(environment).name
    known = the_app.releases(name)
    for release in known:
        if as_json:
            click.echo(json.dumps({"schema_version": 1, **asdict(release)}))
        else:
            staged = (
                time.strftime("%Y-%m-%d %H:%M", time.localtime(release.staged_at))
                if release.staged_at
                else "-"
            )
            kept = "accepted" if release.accepted else ""
            commit = (release.commit or release.content_digest)[:10]
            click.echo(f"{release.id:<28} {release.state:<9} {commit:<10}  {staged}  {kept}".rstrip())
    if not known:
        click.echo(f"no release yet in {name}", err=True)
    next_step(f"go to one: mobius rollback -e {name} --to RELEASE", quiet=as_json or not known)
    return 0

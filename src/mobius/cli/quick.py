"""`mobius quick`: the commands of a day and of a bad night, with this project's values, ready to be copied."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from mobius.cli.context import app, environment_option, json_option, next_step


@click.command("quick")
@environment_option
@json_option
@click.pass_context
def command(ctx: click.Context, environment: str | None, as_json: bool) -> int:
    """Print commands to copy: deploy, watch, go back, backups, the emergency in one line. Changes nothing."""
    from mobius.adapters.repository import tags_in
    from mobius.report.quick import main_environment, next_tag, quick, quick_text

    settings = app(ctx).settings
    e = settings.environment(environment) if environment else main_environment(settings)
    tag = settings.release_tag or next_tag(tags_in(settings.project))
    groups = quick(settings, e, tag)
    if as_json:
        facts = {"service": settings.service, "environment": e.name, "tag": tag}
        told = [asdict(group) for group in groups]
        click.echo(
            json.dumps({"schema_version": 1, "event": "quick", **facts, "groups": told}, ensure_ascii=False)
        )
    else:
        click.echo(quick_text(groups, f"{settings.service} {e.name}, in {settings.project}"))
    next_step(f"next: mobius status -e {e.name}", quiet=as_json)
    return 0

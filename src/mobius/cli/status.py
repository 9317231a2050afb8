"""`mobius status`: what is live, since when, who acts, and the way back."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import click

from mobius.cli.context import app, color, environment_option, json_option, plain_option

if TYPE_CHECKING:
    from mobius.wiring import App


@click.command("status")
@environment_option
@json_option
@plain_option
@click.pass_context
def command(ctx: click.Context, environment: str | None, as_json: bool, plain: bool) -> int:
    """Say how the environment stands; every one when none is named. Changes nothing, but for a journal that is back
    after an emergency went past it: it is told of that."""
    from mobius.report.status import status_json, status_text

    the_app = app(ctx, or_last=True)
    names = [environment] if environment else list(the_app.environments)
    columns = shutil.get_terminal_size((80, 24)).columns
    for number, name in enumerate(names):
        _catch_up(the_app, name)
        now = the_app.status(name)
        if as_json:
            click.echo(json.dumps(status_json(now), ensure_ascii=False))
        else:
            click.echo(("\n" if number else "") + status_text(now, columns, color=color(plain)))
    return 0


def _catch_up(the_app: App, name: str) -> None:
    if any((the_app.environment(name).root / "emergencies").glob("*.jsonl")):
        the_app.ports(name)  # whoever may write brings the journal up to date first

"""`mobius config impact`: what a release changes in configuration, and what that may do."""

from __future__ import annotations

import json

import click

from mobius.cli.context import app, environment_option, json_option, next_step, width
from mobius.model.impact import worst_of
from mobius.model.linting import Impact


@click.command("impact")
@environment_option
@click.option("--tag", metavar="TAG", required=True, envvar="RELEASE_TAG", help="The candidate.")
@json_option
@click.pass_context
def impact(ctx: click.Context, environment: str | None, tag: str, as_json: bool) -> int:
    """Compare the configuration of TAG with that of the release that is live.

    Variables, settings files, dependencies, images and units; of the place where it runs only names are looked at.
    Exit 3 when something weighs HIGH.
    """
    from mobius.report.impact import impact_json, impact_text
    from mobius.wiring.impact import changes_of

    live, changes = changes_of(app(ctx), environment, tag)
    if as_json:
        click.echo(json.dumps(impact_json(live, tag, changes), ensure_ascii=False))
    else:
        click.echo(impact_text(live, tag, changes, width()))
    if worst_of(changes) is Impact.HIGH:
        next_step(
            "settle what weighs HIGH before the deployment, or know how it is taken back", quiet=as_json
        )
        return 3
    return 0

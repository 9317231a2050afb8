"""`mobius resume`: carries on a run that stands still."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from mobius.cli.context import app, environment_option, json_option, next_step, plain_option, quiet_option
from mobius.cli.following import follow
from mobius.wiring.hosts import put_hosts_back


@click.command("resume")
@environment_option
@click.option("--done/--again", "step_done", default=None, help="What you saw of the step in doubt.")
@json_option
@plain_option
@quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    environment: str | None,
    step_done: bool | None,
    as_json: bool,
    plain: bool,
    quiet: bool,
) -> int:
    """Carry on a run whose runner is gone, or that waits for your answer.

    Where none stands still: hosts of a fleet that were left out are put back, once they are healthy.
    """
    the_app = app(ctx)
    name = the_app.environment(environment).name
    if step_done is None and (hosts := put_hosts_back(the_app, name)) is not None:
        return _told(hosts, name, as_json=as_json)
    return follow(
        lambda viewer: the_app.resume(name, step_done=step_done, viewer=viewer),
        name,
        as_json=as_json,
        plain=plain,
        quiet=quiet,
    )


def _told(hosts: Sequence[str], name: str, *, as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps({"schema_version": 1, "event": "hosts put back", "hosts": list(hosts)}))
    else:
        click.echo(f"{', '.join(hosts)}: healthy, and part of the fleet again")
    next_step(f"look: mobius status -e {name}", quiet=as_json)
    return 0

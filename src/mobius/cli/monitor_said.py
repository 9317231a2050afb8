"""What people say to a window: `mobius monitor disarm`, `arm` and `report-issue`."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Any

import click

from mobius.cli.context import app, environment_option, json_option, next_step
from mobius.cli.freeze import seconds_of


def environment_of(ctx: click.Context, environment: str | None) -> str:
    """The one that was named, before or after the word for what to do; or the only one."""
    return app(ctx).environment(environment or ctx.obj.get("environment")).name


@click.command("disarm")
@environment_option
@click.option("--for", "for_", metavar="DURATION", required=True, help="30m, 2h; at most 8h.")
@click.option("--reason", metavar="TEXT", required=True, help="Why: whoever is called reads this.")
@json_option
@click.pass_context
def disarm(ctx: click.Context, environment: str | None, for_: str, reason: str, as_json: bool) -> int:
    """Let no verdict act for a while.

    For a known incident; it ends by itself. What is measured meanwhile is kept and not judged. A person is called
    once where it would have been acted on. A window that was disarmed for more than a fifth does not pass by itself.
    mobius rollback goes at any time.
    """
    from mobius.report.freezing import disarm_words

    name = environment_of(ctx, environment)
    made = app(ctx).disarm(name, for_s=seconds_of(for_), reason=reason)
    words = f"DISARMED {disarm_words(made, time.time())}"
    _say(name, words, {"event": "disarmed", "disarm": asdict(made)}, as_json)
    next_step(f"end it: mobius monitor arm -e {name}", quiet=as_json)
    return 0


@click.command("arm")
@environment_option
@json_option
@click.pass_context
def arm(ctx: click.Context, environment: str | None, as_json: bool) -> int:
    """Let verdicts act again, before the end of a disarm."""
    from mobius.report.freezing import disarm_words

    name = environment_of(ctx, environment)
    before = app(ctx).arm(name)
    was = f"armed again; it was disarmed {disarm_words(before, time.time())}" if before else "armed"
    _say(name, was, {"event": "armed", "disarm": asdict(before) if before else None}, as_json)
    return 0


@click.command("report-issue")
@click.argument("text")
@environment_option
@click.option("--by", metavar="NAME", help="Who reports it; default: you.")
@json_option
@click.pass_context
def report_issue(
    ctx: click.Context, text: str, environment: str | None, by: str | None, as_json: bool
) -> int:
    """Write down what a user reports.

    It is told to the open window, and without one kept with what is live. `max_issues` of the policy says how many
    within ten minutes take a release back; by itself, none do.
    """
    name = environment_of(ctx, environment)
    issue, run_id = app(ctx).report_issue(name, text, by=by)
    where = f"told to the window of run {run_id}" if run_id else "no window is open: kept with what is live"
    _say(name, f"{where}: {issue.text}", {"event": "issue", "run": run_id, "issue": asdict(issue)}, as_json)
    next_step(f"see them all: mobius status -e {name}", quiet=as_json)
    return 0


def _say(name: str, words: str, told: dict[str, Any], as_json: bool) -> None:
    if as_json:
        document = {"schema_version": 1, **told, "environment": name, "message": words}
        click.echo(json.dumps(document, ensure_ascii=False))
    else:
        click.echo(f"{name}: {words}")

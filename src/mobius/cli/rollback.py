"""`mobius rollback`: back to the previous release, to another one, or to a backup."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import click

from mobius.cli.context import (
    app,
    color,
    confirm,
    environment_option,
    json_option,
    plain_option,
    quiet_option,
    width,
    yes_option,
)
from mobius.cli.following import follow
from mobius.cli.plan import code
from mobius.errors import UsageError
from mobius.model.loss import Comparison
from mobius.model.plan import Plan
from mobius.report.losing import losing_json, losing_sentence, losing_text
from mobius.report.words import wrapped
from mobius.rules.losing import judge_loss


@click.command("rollback")
@environment_option
@click.option("--to", default="", metavar="RELEASE", help="This release instead of the previous one.")
@click.option("--backup", default="", metavar="FILE", help="Code, configuration and data of this backup.")
@click.option("--latest-good", is_flag=True, help="The newest proven backup of a release that was healthy.")
@click.option(
    "--also", multiple=True, metavar="SERVICE", help="A service that shares the data, and knows of it."
)
@click.option("--even-if-open", is_flag=True, help="Although another process has the data open.")
@click.option("--emergency", is_flag=True, help="Ask nothing; code alone unless --backup is given.")
@click.option("--reason", default="", metavar="TEXT", help="Why, for the record.")
@click.option("--dry-run", is_flag=True, help="Print the steps, change nothing.")
@click.option("--follow", "to_the_end", is_flag=True, help="Follow the two hours of watching too.")
@json_option
@plain_option
@quiet_option
@yes_option
@click.pass_context
def command(
    ctx: click.Context,
    environment: str | None,
    to: str,
    backup: str,
    latest_good: bool,
    also: tuple[str, ...],
    even_if_open: bool,
    emergency: bool,
    reason: str,
    dry_run: bool,
    to_the_end: bool,
    as_json: bool,
    plain: bool,
    quiet: bool,
    yes: bool,
) -> int:
    """Go back. Without arguments: to the release that was live before, with the data as it is; its migrations are
    taken back where the rehearsal proved that it needs this, and that they give everything back.

    It wins over a run that only observes. Returns when traffic is back and the smoke tests ran.
    """
    the_app = app(ctx, or_last=True)
    name = the_app.environment(environment).name
    if backup:
        from mobius.cli.backup_store import at_hand

        backup = at_hand(the_app, name, backup, dry_run=dry_run, as_json=as_json, plain=plain)
    how: dict[str, Any] = {"to": to, "backup": backup, "emergency": emergency, "because": reason}
    how |= {"latest": latest_good, "also": also, "even_if_open": even_if_open}
    _refuse_together(to=to, backup=backup, latest=latest_good)
    if dry_run:
        from mobius.report.plan import plan_json, plan_text

        made = the_app.plan_rollback(name, compare=True, progress=_aside, **how)
        losing = _losing(made)
        if as_json:
            click.echo(json.dumps({**plan_json(made), **({"losing": losing.as_json()} if losing else {})}))
        else:
            shown = [plan_text(made, width(), color(plain)), *([losing.text(plain)] if losing else [])]
            click.echo("\n\n".join(reversed(shown)))
        return code(made)
    if not emergency:
        how["plan"] = made = the_app.plan_rollback(name, compare=True, progress=_aside, **how)
        _ask(made, yes=yes, plain=plain, quiet=quiet or as_json)
    return follow(
        lambda viewer: the_app.rollback(name, detach=not to_the_end, viewer=viewer, **how),
        name,
        as_json=as_json,
        plain=plain,
        quiet=quiet,
    )


def _aside(line: str) -> None:
    click.echo(line, err=True)


def _refuse_together(*, to: str, backup: str, latest: bool) -> None:
    """Each names where to go back to; two of them are a slip."""
    named = [
        option
        for option, is_given in (("--to", to), ("--backup", backup), ("--latest-good", latest))
        if is_given
    ]
    if len(named) > 1:
        raise UsageError(f"{' and '.join(named)} name two places to go back to", "give one of them")


def _ask(made: Plan, *, yes: bool, plain: bool, quiet: bool) -> None:
    """Says what would be lost, then asks; a way back that restores nothing is only told, unless
    nobody knows whether its release works on the schema as it is."""
    for check in made.checks:
        if check.name == "ways back" and not quiet and not code(made):
            click.echo("\n".join(wrapped(f"Ways back: {check.answer}", width())), err=True)
    if code(made):
        return
    if unproven := made.facts.get("unproven"):
        question = f"Whether {made.tag} works is not proven: {unproven}. Go back to it all the same?"
        confirm("\n".join(wrapped(question, width() - 8)), yes=yes)
    if not made.facts.get("backup"):
        return
    losing = _losing(made)
    for line in made.facts.get("skipped") or ():
        click.echo(f"passed over: {line}", err=True)
    if losing and not quiet:
        click.echo(losing.text(plain), err=True)
        for check in made.checks:
            if check.name == "hold":
                told = " ".join([check.answer, check.advice]).strip()
                click.echo("\n".join(wrapped(f"Meanwhile: {told}", width())), err=True)
    lost = f"{losing.sentence}." if losing else ""
    name = str(made.facts["backup"]).rpartition("/")[2]
    question = f"{lost} An emergency backup keeps the present state. Go back to {name}?".strip()
    confirm("\n".join(wrapped(question, width() - 8)), yes=yes)


@dataclass(frozen=True)
class _Losing:
    """What the plan says would be lost, ready to be shown."""

    found: Comparison

    @property
    def sentence(self) -> str:
        lost = judge_loss(self.found)
        rows = (lost.rows_added, lost.rows_changed, lost.rows_removed)
        return losing_sentence(str(lost.loss), rows, lost.files, exact=lost.exact)

    def text(self, plain: bool) -> str:
        return losing_text(self.found, time.time(), width(), color=color(plain))

    def as_json(self) -> dict[str, Any]:
        return losing_json(self.found, judge_loss(self.found))


def _losing(made: Plan) -> _Losing | None:
    import msgspec

    told = made.facts.get("losing")
    return _Losing(msgspec.convert(told, Comparison)) if told else None

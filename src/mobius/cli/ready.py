"""`mobius ready`: the nine points before a deployment, each with its proof; and what people confirm."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mobius.cli.context import app, environment_option, json_option, next_step, width
from mobius.errors import UsageError
from mobius.model.verdict import Outcome

if TYPE_CHECKING:
    from mobius.model.ready import Point, Readiness
    from mobius.wiring import App

CODES = {Outcome.PASS: 0, Outcome.FAIL: 3}
POINTS = ("lead", "contacts")  # mobius.model.ready.BY_PEOPLE, which is not loaded for help
Said = Callable[..., int]
tag_option = click.option("--tag", metavar="TAG", help="The release; default: RELEASE_TAG.")
by_option = click.option("--by", metavar="NAME", help="Who says so.")
note_option = click.option("--note", metavar="TEXT", default="", help="What was said, and to whom.")


@click.group("ready", invoke_without_command=True)
@environment_option
@tag_option
@click.option("--markdown", is_flag=True, help="As a table to paste into a pull request.")
@click.option(
    "--junit", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Also as JUnit."
)
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    environment: str | None,
    tag: str | None,
    markdown: bool,
    junit: Path | None,
    as_json: bool,
) -> int:
    """Is TAG ready for the environment? Nine points, each with its proof, where it was found, and its age.

    Exit 0 when every point passed, 3 when one did not, 4 when one could not be found out. Evidence of another commit or
    environment, or too old, is a no. On a terminal, what only a person can know is asked.
    """
    given = ctx.ensure_object(dict).setdefault("ready", (environment, tag))
    if ctx.invoked_subcommand is not None:
        if markdown or junit or as_json:
            raise UsageError("these options go with mobius ready alone", "put --json behind the command")
        return 0
    if markdown and as_json:
        raise UsageError("--markdown and --json are two forms of the same", "give one of them")
    the_app = app(ctx)
    seen = _seen(the_app, *given, may_ask=not (markdown or as_json))
    _show(seen, markdown=markdown, as_json=as_json)
    if junit is not None:
        _write(junit, seen)
    from mobius.report.ready import next_of

    next_step(next_of(seen), quiet=as_json)
    return CODES.get(seen.outcome, 4)


def said_options(called: Said) -> Said:
    """Of what a person says: of which point and release, and who."""
    for option in (json_option, note_option, by_option, tag_option, environment_option):
        called = option(called)
    return click.argument("point", type=click.Choice(POINTS))(called)


@command.command("confirm")
@said_options
@click.pass_context
def confirm(ctx: click.Context, /, **said: Any) -> int:
    """Say that POINT holds for TAG: `lead` by whoever leads, `contacts` by whoever told them.

    It is recorded with the name, the account and the time, holds for this release in this environment, and expires
    (`ready.max_age`).
    """
    return _record(ctx, **said, withdrawn=False)


@command.command("withdraw")
@said_options
@click.pass_context
def withdraw(ctx: click.Context, /, **said: Any) -> int:
    """Take back what was confirmed of POINT. Nothing is removed: both are on record."""
    return _record(ctx, **said, withdrawn=True)


def _seen(the_app: App, environment: str | None, tag: str | None, *, may_ask: bool) -> Readiness:
    """How it stands; what only a person can know and nobody said is asked on a terminal, once."""
    seen = the_app.ready(environment, tag)
    if not (may_ask and sys.stdin.isatty() and sys.stdout.isatty()):
        return seen
    from mobius.model.ready import BY_PEOPLE, TITLES

    open_points = [a.point for a in seen.asked if a.point in BY_PEOPLE and a.outcome is Outcome.FAIL]
    said = [_asked(the_app, seen, point, TITLES[point]) for point in open_points]
    return the_app.ready(environment, tag) if any(said) else seen


def _asked(the_app: App, seen: Readiness, point: Point, title: str) -> bool:
    by = click.prompt(
        f"{title}? Your name, or nothing to leave it open", default="", show_default=False, err=True
    )
    if not by.strip():
        return False
    note = click.prompt("Note", default="", show_default=False, err=True)
    the_app.confirm_ready(seen.subject.environment, seen.subject.tag, point, by=by, note=note)
    return True


def _record(
    ctx: click.Context,
    *,
    point: str,
    environment: str | None,
    tag: str | None,
    by: str | None,
    note: str,
    as_json: bool,
    withdrawn: bool,
) -> int:
    from mobius.model.ready import Point
    from mobius.report.words import iso

    outer = ctx.ensure_object(dict).get("ready", (None, None))
    environment, tag = environment or outer[0], tag or outer[1]
    if by is None and sys.stdin.isatty() and not as_json:
        by = click.prompt("Who says so", err=True)
    the_app = app(ctx)
    said = the_app.confirm_ready(environment, tag, Point(point), by=by or "", note=note, withdrawn=withdrawn)
    name = the_app.environment(environment).name
    facts = {"point": point, "environment": name, "tag": said.tag, "content": said.content}
    if as_json:
        told = {"by": said.by, "note": said.note, "who": said.who, "withdrawn": withdrawn, "at": iso(said.at)}
        click.echo(
            json.dumps({"schema_version": 1, "event": "ready confirmed", **facts, **told}, ensure_ascii=False)
        )
    else:
        verb = "took back" if withdrawn else "confirmed"
        click.echo(f"{said.by} {verb} {point} of {said.tag} ({said.content[:12]}) for {name}")
    next_step(f"next: mobius ready -e {name} --tag {said.tag}", quiet=as_json)
    return 0


def _show(seen: Readiness, *, markdown: bool, as_json: bool) -> None:
    from mobius.report.ready import ready_json, ready_markdown, ready_text

    if as_json:
        click.echo(json.dumps(ready_json(seen), ensure_ascii=False))
    else:
        click.echo(ready_markdown(seen) if markdown else ready_text(seen, max(60, min(width(), 100))))


def _write(file: Path, seen: Readiness) -> None:
    from mobius.report.junit import junit
    from mobius.report.ready import ready_results

    file.parent.mkdir(parents=True, exist_ok=True)
    of = seen.subject
    properties = {"commit": of.content, "environment": of.environment, "tag": of.tag}
    text = junit("ready", ready_results(seen), at=time.time(), properties=properties)
    file.write_text(text, encoding="utf-8")

"""`mobius audit`: read the log of everything that happened, and prove that no line of it was changed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mobius.cli.advice import for_environment
from mobius.cli.context import app, environment_option, json_option, next_step
from mobius.errors import MobiusError, RecordBroken
from mobius.model.audit import read_head

if TYPE_CHECKING:
    from mobius.adapters.exporting.known import Known
    from mobius.model.run import Event
    from mobius.model.settings import EnvironmentSettings
    from mobius.ports import Journal
    from mobius.wiring import App

PAGE = 1000  # events read at a time


@click.group("audit")
def command() -> None:
    """Read and verify the chain of everything that happened."""


@command.command("log")
@environment_option
@click.option("--run", "run_id", type=click.IntRange(min=1), default=None, metavar="N", help="Only this run.")
@json_option
@click.pass_context
def log(ctx: click.Context, environment: str | None, run_id: int | None, as_json: bool) -> int:
    """Print every event, oldest first; of every environment when none is named."""
    from mobius.report.told import told
    from mobius.report.words import printable

    the_app = app(ctx)
    # A run's number means something in one environment only.
    names = [the_app.environment(environment).name] if run_id else _names(the_app, environment)
    for name in names:
        journal = the_app.journal(name)
        if run_id:
            journal.run(run_id)  # an unknown one is an error, not an empty log
        if len(names) > 1 and not as_json:
            click.echo(f"{name}:")
        for event in _every(journal, name, run_id or 0):
            if as_json:
                click.echo(json.dumps(_as_json(event, name), ensure_ascii=False))
            else:
                run = f"run {event.run_id}" if event.run_id else "-"
                who = f"  ({printable(event.who)})" if event.who else ""
                click.echo(f"{event.seq:>6}  {_when(event.at)}  {run:<7}  {event.kind}: {told(event)}{who}")
    advice = "prove that nothing was changed: mobius audit verify"
    next_step(for_environment(environment, advice), quiet=as_json)
    return 0


@command.command("head")
@environment_option
@json_option
@click.pass_context
def head(ctx: click.Context, environment: str | None, as_json: bool) -> int:
    """Print the head of the log, RUN:SEQ:HASH, to be kept elsewhere; of every environment when none is named."""
    the_app = app(ctx)
    names = _names(the_app, environment)
    heads = {name: the_app.journal(name).head() for name in names}
    for name, found in heads.items():
        if as_json:
            facts = {"environment": name, "head": str(found) if found else None}
            full = {"run": found.run_id, "seq": found.seq, "hash": found.hash} if found else {}
            click.echo(json.dumps({"schema_version": 1, "event": "audit_head", **facts, **full}))
        elif found is None:
            click.echo(f"{name}: nothing was written yet", err=True)
        else:
            click.echo(str(found) if environment or len(names) == 1 else f"{name}: {found}")
    advice = "keep it where this host cannot write, and later: mobius audit verify --head HEAD"
    next_step(advice, quiet=as_json or not any(heads.values()))
    return 0


@command.command("verify")
@environment_option
@click.option("--head", default=None, metavar="HEAD", help="A head seen earlier and kept elsewhere.")
@click.option(
    "--against",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="An export, or evidence of a run.",
)
@json_option
@click.pass_context
def verify(
    ctx: click.Context, environment: str | None, head: str | None, against: Path | None, as_json: bool
) -> int:
    """Recompute the chain; exit 1 when an event was changed, removed or reordered, or HEAD is not in it.

    Without -e, HEAD is looked for in every environment.

    With FILE, exit 1 also when the log has not every event that was in it, as it was.

    Exit 4 when there is nothing to verify: no journal yet, one that is gone, or one that cannot be read now.
    """
    the_app = app(ctx)
    if head is not None:
        read_head(head)  # an empty variable in a script must not turn the question off
    known = _known(against) if against else None
    if known and environment is None and known.environment in the_app.environments:
        environment = known.environment
    names = [the_app.environment(environment).name] if known else _names(the_app, environment)
    found = [_verified(the_app, name, head or "", known) for name in names]
    if head is not None:  # it is of one log: where none has it, each says so
        found = [one for one in found if one["ok"]] or found
    for one in found:
        click.echo(json.dumps(one, ensure_ascii=False) if as_json else _words(one))
    code, advice = _answer(found)
    next_step(advice, quiet=as_json)
    return code


def _answer(found: Sequence[Mapping[str, Any]]) -> tuple[int, str]:
    """The exit code of all of them together, and the next step. What is gone is no yes, whatever others say; an
    environment that nothing has happened in is none where it is all there is."""
    broken = [one for one in found if one["ok"] is False]
    unknown = [one for one in found if one["ok"] is None]
    if broken:
        return 1, str(broken[0]["hint"])
    if any(one["gone"] for one in unknown) or len(unknown) == len(found):
        return 4, str(max(unknown, key=lambda one: bool(one["gone"]))["hint"])
    return 0, "keep the head elsewhere, and later: mobius audit verify --head HEAD"


def _names(the_app: App, environment: str | None) -> list[str]:
    return [the_app.environment(environment).name] if environment else list(the_app.environments)


def _every(journal: Journal, environment: str, run_id: int) -> Iterator[Event]:
    after = 0
    while page := journal.events(environment=environment, run_id=run_id, after=after, limit=PAGE):
        yield from page
        after = page[-1].seq


def _as_json(event: Event, environment: str) -> dict[str, Any]:
    from mobius.report.words import iso

    return {
        "schema_version": 1,
        "event": event.kind,
        "environment": environment,
        "seq": event.seq,
        "run": event.run_id,
        "time": iso(event.at),
        "at": event.at,
        "message": event.message,
        "who": event.who,
        "data": event.data,
        "previous_hash": event.previous_hash,
        "hash": event.hash,
    }


def _when(at: float) -> str:
    from datetime import datetime

    return f"{datetime.fromtimestamp(at):%Y-%m-%d %H:%M:%S}"


def _known(file: Path) -> Known:
    from mobius.adapters.exporting.known import known_events

    return known_events(file)


def _verified(the_app: App, environment: str, head: str, known: Known | None) -> dict[str, Any]:
    """`ok` is null where there is no event to verify, or none can be read now: that says nothing about them."""
    journal = the_app.journal(environment)
    base = {"schema_version": 1, "event": "audit_verified", "environment": environment}
    try:
        count, last = journal.verify_chain(head)
        held = known.held_by(_every(journal, environment="", run_id=0)) if known else None
    except MobiusError as error:
        hint = for_environment(environment if len(the_app.environments) > 1 else None, error.hint)
        told = {"finding": error.message, "hint": hint}
        if isinstance(error, RecordBroken):
            return {**base, "ok": False, **told}
        return {**base, "ok": None, "events": 0, "head": "", "gone": True, **told}
    if not count:
        return {**base, "ok": None, **_nothing(the_app.environment(environment))}
    more = {} if held is None else {"against": held}
    return {**base, "ok": True, "events": count, "head": last, **more}


def _nothing(e: EnvironmentSettings) -> dict[str, Any]:
    """Whether nothing has happened here yet, or what wrote it down is gone: then something else is still there."""
    there = [name for name in ("releases", "current", "evidence") if _is_there(e.root / name)]
    if not there:
        finding, hint = (
            "nothing was written yet",
            f"it begins with the first deployment: mobius plan -e {e.name}",
        )
        return {"events": 0, "head": "", "gone": False, "finding": finding, "hint": hint}
    finding = (
        f"its log is gone or empty, though there is something that it should tell of: {', '.join(there)}"
    )
    hint = f"bring the journal back; what it said is in an export: mobius audit verify -e {e.name} --against FILE"
    return {"events": 0, "head": "", "gone": True, "finding": finding, "hint": hint}


def _is_there(path: Path) -> bool:
    try:
        return path.is_symlink() or any(path.iterdir())
    except OSError:
        return path.exists()


def _words(one: dict[str, Any]) -> str:
    from mobius.report.words import counted

    if one["ok"] is None:
        return f"{one['environment']}: {'NOT VERIFIED: ' if one['gone'] else ''}{one['finding']}"
    if not one["ok"]:
        return f"{one['environment']}: BROKEN: {one['finding']}"
    told = f"{one['environment']}: {counted(one['events'], 'event')}, unbroken\n  head {one['head']}"
    return f"{told}\n  holds all {counted(one['against'], 'event')} of the file" if "against" in one else told

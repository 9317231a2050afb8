"""`mobius adopt`: takes over a service that runs already under systemd behind a proxy, and gives it back."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mobius.cli.context import confirm, json_option, next_step, yes_option
from mobius.errors import GateFailed, UsageError

if TYPE_CHECKING:
    from mobius.adapters.adopting.kept import Record
    from mobius.flows.adopting import World
    from mobius.wiring.adopting import Adopting, Asked


@click.command("adopt")
@click.argument("unit", required=False)
@click.option(
    "-e", "--env", "--environment", "environment", default="production", metavar="ENV", show_default=True
)
@click.option(
    "--proxy", type=click.Path(path_type=Path), metavar="FILE", help="The file of the proxy in front."
)
@click.option("--service", metavar="NAME", default="", help="The service's name; default: the unit's.")
@click.option("--url", metavar="URL", default="", help="Where the service is reached through the proxy.")
@click.option("--health", metavar="PATH", default="/health", show_default=True, help="Its health check.")
@click.option(
    "--tree", metavar="DIR", default="", help="Where its files are; default: the unit's WorkingDirectory."
)
@click.option(
    "--link", "links", multiple=True, metavar="NAME", help="Data in that folder that every release shares."
)
@click.option("--port-variable", metavar="NAME", default="", help="The variable it reads its port from.")
@click.option("--count", is_flag=True, help="Send requests during the reload, and count what is lost.")
@click.option("--undo", is_flag=True, help="Give it back, every file byte for byte.")
@click.option("--force", is_flag=True, help="With --undo: also a file that somebody changed since.")
@click.option("--dry-run", is_flag=True, help="Show what would change, change nothing.")
@yes_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    unit: str | None,
    environment: str,
    proxy: Path | None,
    service: str,
    url: str,
    health: str,
    tree: str,
    links: tuple[str, ...],
    port_variable: str,
    count: bool,
    undo: bool,
    force: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Take over UNIT as it runs, as release 0, so that the first deployment already has a way back.

    The service is not touched and not restarted. The proxy in front comes to dial mobius, for which it is reloaded
    once. Run it in the folder that releases will come from, a clone beside the running one.
    """
    from mobius.wiring.adopting import Adopting, Asked

    obj = ctx.ensure_object(dict)
    given: Path | None = obj.get("config")
    environ: Mapping[str, str] = obj.get("environ", os.environ)
    project = given.absolute().parent if given and given.suffix else given or Path.cwd()
    _refuse_strange(environment, service, url, health, port_variable)
    adopting = Adopting(project, environment, environ)
    if undo:
        if unit:
            raise UsageError(
                "--undo takes no unit: it knows what was adopted", f"mobius adopt --undo -e {environment}"
            )
        return _undo(adopting, count=count, force=force, dry_run=dry_run, yes=yes, as_json=as_json)
    if not unit:
        raise UsageError("which unit?", "mobius adopt app.service; systemctl list-units --type=service")
    from mobius.rules.adopting_unit import unit_name

    asked = Asked(unit_name(unit), environment, service, proxy, url, health, tree, port_variable, links)
    return _adopt(adopting, asked, count=count, dry_run=dry_run, yes=yes, as_json=as_json)


def _adopt(adopting: Adopting, asked: Asked, *, count: bool, dry_run: bool, yes: bool, as_json: bool) -> int:
    from mobius.adapters.adopting.machine import refuse_unless_root
    from mobius.flows.adopt import adopt, finish
    from mobius.report.adopting import facts, shown

    record = adopting.kept.record()
    if record is not None:
        if (done := _already(record, asked.unit, asked.environment, as_json=as_json)) is not None:
            return done
        refuse_unless_root()
        confirm(f"Finish the adoption of {record.plan.unit} that was begun and interrupted?", yes=yes)
        with adopting.kept.held(), _usual_umask():
            finish(record, _world(adopting, record, count=count, as_json=as_json))
        return _told(record.plan.unit, asked.environment, as_json=as_json)
    plan, boot_links = adopting.look(asked)
    if as_json:
        click.echo(json.dumps(facts(plan, dry_run=dry_run), ensure_ascii=False))
    else:
        click.echo(shown(plan))
    if dry_run:
        next_step(f"nothing was changed; to do it: sudo mobius adopt {asked.unit}", quiet=as_json)
        return 0
    refuse_unless_root()
    confirm(f"Adopt {plan.unit} like this?", yes=yes)
    with adopting.kept.held(), _usual_umask():
        if adopting.kept.record() is not None:
            raise GateFailed("another mobius adopt was faster", "look: mobius status")
        adopt(plan, boot_links, adopting.world(_say(as_json), plan, count=count))
    return _told(plan.unit, asked.environment, as_json=as_json)


def _already(record: Record, unit: str, environment: str, *, as_json: bool) -> int | None:
    """The answer where nothing is to be done; None where an adoption is to be finished."""
    plan = record.plan
    if record.phase == "undoing":
        raise GateFailed(
            f"{plan.unit} is half given back", f"finish that: mobius adopt --undo -e {environment}"
        )
    if plan.unit != unit:
        raise GateFailed(
            f"{plan.service} ({environment}) is {plan.unit} already, so {unit} cannot be that too",
            "use another environment: -e NAME, or another folder",
        )
    if record.phase == "begun":
        return None
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(record.begun_at))
    if as_json:
        click.echo(
            json.dumps(
                {"schema_version": 1, "event": "adopted already", "unit": unit, "since": record.begun_at}
            )
        )
    else:
        click.echo(f"{unit} is adopted already, since {since}, as {plan.release_id}")
    next_step(f"look: mobius status -e {environment}; give it back: mobius adopt --undo", quiet=as_json)
    return 0


def _told(unit: str, environment: str, *, as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps({"schema_version": 1, "event": "adopted", "unit": unit}))
    else:
        click.echo(f"{unit} is adopted: it runs on as it was, and the first deployment has a way back")
    next_step(
        f"next: mobius status -e {environment}, then mobius deploy -e {environment} --tag TAG", quiet=as_json
    )
    return 0


def _undo(adopting: Adopting, *, count: bool, force: bool, dry_run: bool, yes: bool, as_json: bool) -> int:
    from mobius.adapters.adopting.machine import refuse_unless_root
    from mobius.flows.give_back import drifts, undo
    from mobius.report.adopting import cost, difference, drifted, turned

    record = adopting.kept.record()
    if record is None:
        raise UsageError(
            f"nothing is adopted in {adopting.root}", "mobius adopt UNIT, or name another: -e ENV"
        )
    plan, world = record.plan, _world(adopting, record, count=count, as_json=as_json)
    goes = _goes(world, record)
    if not as_json:
        for change in plan.proxy_files:
            click.echo(difference(turned(change)))
        for drift in drifts(record, world):
            click.echo(drifted(drift.path, drift.ours, drift.theirs))
        click.echo(cost(plan.proxy))
    if dry_run:
        next_step(
            f"nothing was changed; to do it: sudo mobius adopt --undo -e {plan.environment}", quiet=as_json
        )
        return 0
    refuse_unless_root()
    confirm(f"Give {plan.unit} back?{goes}", yes=yes)
    with adopting.kept.held(), _usual_umask():
        undo(record, world, force=force)
    if as_json:
        click.echo(json.dumps({"schema_version": 1, "event": "given back", "unit": plan.unit}))
    else:
        click.echo(f"{plan.unit} is as it was before it was adopted")
    next_step(f"look: systemctl status {plan.unit}", quiet=as_json)
    return 0


def _goes(world: World, record: Record) -> str:
    """Which release goes away, in words for the question."""
    from mobius.errors import ConfigurationError
    from mobius.flows.give_back import leaving

    try:
        live = leaving(world).live
    except ConfigurationError:
        return ""
    if live is None or live.id == record.plan.release_id:
        return ""
    unit = record.plan.unit
    return (
        f" {live.id} is live and goes away; {unit} serves again with its own code, on the data as it is now."
    )


def _world(adopting: Adopting, record: Record, *, count: bool, as_json: bool) -> World:
    return adopting.world(_say(as_json), record.plan, count=count)


def _say(as_json: bool) -> Callable[[str], None]:
    def say(words: str) -> None:
        click.echo(words, err=as_json)

    return say


@contextlib.contextmanager
def _usual_umask() -> Iterator[None]:
    """Folders that a proxy must pass are made with the usual rights, whatever root's are."""
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)


def _refuse_strange(environment: str, service: str, url: str, health: str, variable: str) -> None:
    """What ends up in names of files and units, and in requests."""
    name = r"[a-z0-9][a-z0-9-]{0,40}"
    for option, value, pattern in (
        ("-e", environment, name),
        ("--service", service or "x", name),
        ("--url", url or "http://x", r"https?://[A-Za-z0-9._:\[\]-]+/?"),
        ("--health", health, r"/[!-~]*"),
        ("--port-variable", variable or "X", r"[A-Za-z_][A-Za-z0-9_]*"),
    ):
        if not re.fullmatch(pattern, value):
            raise UsageError(f"{option} cannot be {value!r}", "mobius adopt --help")

"""`mobius init`: looks at the repository, and writes what it takes to ship, watch and take back what is in it."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mobius.cli.context import json_option, next_step, yes_option
from mobius.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from mobius.adapters.repository import ProjectFolder
    from mobius.flows.init import Planned
    from mobius.model.project import Repository, Wanted
    from mobius.model.settings import Settings

CONFIG = "mobius.toml"


@click.command("init")
@click.option("--service", metavar="NAME", default="", help="The service's name; default: the manifest's.")
@click.option("--start", metavar="COMMAND", default="", help="How it starts, where nothing tells.")
@click.option("--port", type=click.IntRange(1, 65534), metavar="N", help="Where it is reached in production.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, change nothing.")
@json_option
@yes_option
@click.pass_context
def command(
    ctx: click.Context, service: str, start: str, port: int | None, dry_run: bool, as_json: bool, yes: bool
) -> int:
    """Write mobius.toml and the files around it into this folder.

    What is there already is shown as a diff, and changed only when you say so. Run it again after a change of
    mobius.toml: that file is yours from then on, and the others follow it.
    """
    from mobius.adapters.repository import ProjectFolder, look, remember_this_mobius
    from mobius.flows.init import Change, difference, plan_files, write_files

    given = ctx.ensure_object(dict).get("config")
    here = Path(given).absolute().parent if given else Path.cwd()
    folder, seen = ProjectFolder(here), look(here)
    wanted, notes = _wanted(folder, seen, service=service, start=start, port=port or 0)
    planned = plan_files(wanted, folder)
    changed = [each for each in planned if each.change is Change.CHANGED]
    if not as_json:
        for each in changed:
            click.echo(difference(each))
    also = _may_change(changed, yes=yes, dry_run=dry_run)
    written: tuple[str, ...] = ()
    if not dry_run:
        written = write_files(planned, folder, also_changed=also)
        remember_this_mobius(here)
    _tell(planned, written, notes, as_json=as_json, dry_run=dry_run)
    next_step(
        "next: commit these files, then mobius doctor" if written else "next: mobius doctor", quiet=as_json
    )
    return 0


def _wanted(
    folder: ProjectFolder, seen: Repository, *, service: str, start: str, port: int
) -> tuple[list[Wanted], tuple[str, ...]]:
    """Every file the project should have, and what a person should know."""
    from mobius.config import schema
    from mobius.model.project import Wanted
    from mobius.report.starting import files, merged, mobius_toml
    from mobius.wiring import version

    there = folder.read(CONFIG)
    notes: tuple[str, ...] = ()
    if there is None:
        from mobius.rules.looking import project_in

        found = project_in(seen, service=service, start=_start(start, seen), port=port)
        text, notes = mobius_toml(found), found.notes
    else:
        text = there
        if service or start or port:
            raise UsageError(f"{CONFIG} is there already, and says these itself", f"change it in {CONFIG}")
    settings = _loaded(text, folder, seen, is_there=there is not None)
    made = [Wanted(CONFIG, text, theirs_wins=True), *files(settings, seen, schema(), version())]
    for path in (".gitignore", "package.json"):
        merging = merged(path, folder.read(path))
        if merging is not None:
            made.append(Wanted(path, merging))
    return made, notes


def _loaded(text: str, folder: ProjectFolder, seen: Repository, *, is_there: bool) -> Settings:
    """The settings that mobius.toml will be, with every mistake in it said before anything is written."""
    from mobius.adapters.repository import ProjectFolder
    from mobius.config import load
    from mobius.report.starting import quality_gates

    if is_there:
        gates = quality_gates()
        if folder.read(gates.path) is not None or f'include = "{gates.path}"' not in text:
            return load(folder.folder / CONFIG, environ={})
    with tempfile.TemporaryDirectory(prefix="mobius-init-") as scratch:
        trial = ProjectFolder(Path(scratch))
        trial.write(CONFIG, text, executable=False)
        trial.write(
            "quality-gates.json", folder.read("quality-gates.json") or quality_gates().text, executable=False
        )
        try:
            return load(Path(scratch) / CONFIG, environ={})
        except ConfigurationError as wrong:
            if is_there:
                raise
            details = (*wrong.details, "this is what was read from the repository")
            raise ConfigurationError(
                wrong.message, "say it: --service, --start, --port", details=details
            ) from wrong


def _start(given: str, seen: Repository) -> tuple[str, ...]:
    """The start command as words: given, or asked of a person where the repository does not tell."""
    from mobius.rules.looking_start import starts_of, words_of

    if not given and not starts_of(seen) and sys.stdin.isatty():
        given = click.prompt(f"How does the service in {seen.folder} start", type=str, err=True)
    return words_of(given) if given.strip() else ()


def _may_change(changed: list[Planned], *, yes: bool, dry_run: bool) -> bool:
    """Whether files that differ may be changed. Without a terminal and without --yes nothing at all is written."""
    if not changed or yes or dry_run:
        return yes
    named = ", ".join(each.path for each in changed)
    if not sys.stdin.isatty():
        raise UsageError(
            f"{named}: other than mobius would write, and there is no terminal to ask; nothing was written",
            "read the diff, then mobius init --yes",
        )
    return click.confirm(f"Change {named} as shown?", err=True)


def _tell(
    planned: tuple[Planned, ...],
    written: tuple[str, ...],
    notes: tuple[str, ...],
    *,
    as_json: bool,
    dry_run: bool,
) -> None:
    from mobius.flows.init import Change, difference

    if as_json:
        facts = {
            "schema_version": 1,
            "event": "init",
            "dry_run": dry_run,
            "files": [_fact(each, each.path in written) for each in planned],
            "diffs": {each.path: difference(each) for each in planned if each.change is Change.CHANGED},
            "notes": list(notes),
        }
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    for path, verb in _summed(planned, written, dry_run):
        click.echo(f"  {verb:<8} {path}")
    if not any(each.change in (Change.NEW, Change.CHANGED) for each in planned):
        click.echo("already as it should be")
    for note in notes:
        click.echo(f"note: {note}", err=True)


def _summed(planned: tuple[Planned, ...], written: tuple[str, ...], dry_run: bool) -> list[tuple[str, str]]:
    """(what, what became of it); new files of one folder are one line."""
    from mobius.flows.init import Change

    lines: list[tuple[str, str]] = []
    for each in planned:
        if each.change is Change.KEPT:
            lines.append((f"{each.path}: it is yours", "kept"))
        elif each.change is Change.CHANGED:
            done = "to change" if dry_run else "changed" if each.path in written else "left"
            lines.append((each.path, done))
        elif each.change is Change.NEW:
            lines.append((each.path, "to write" if dry_run else "written"))
    for top in ("notifications", "scripts"):
        inside = [
            line for line in lines if line[0].startswith(f"{top}/") and line[1] in ("written", "to write")
        ]
        if len(inside) > 1:
            place = lines.index(inside[0])
            lines = [line for line in lines if line not in inside]
            lines.insert(place, (f"{top}/ ({len(inside)} files)", inside[0][1]))
    return lines


def _fact(each: Planned, written: bool) -> Mapping[str, object]:
    return {"path": each.path, "change": str(each.change), "written": written}

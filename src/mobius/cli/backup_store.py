"""`mobius backup copy`, `fetch`, and `--store` of list, verify and prune: copies of backups off this machine."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mobius.cli.advancing import Shown
from mobius.cli.context import app, environment_option, json_option, next_step, plain_option

if TYPE_CHECKING:
    from mobius.archive.ranged import Restored
    from mobius.model.release import BackupRecord
    from mobius.ports import Ports
    from mobius.wiring import App

Command = Callable[..., Any]


def or_in_store(instead: Command, words: str) -> Callable[[Command], Command]:
    """Adds `--store`: with it, the command does `instead`, with the same options."""

    def with_option(here: Command) -> Command:
        @click.option("--store", "in_store", is_flag=True, help=words)
        @functools.wraps(here)
        def either(*given: Any, in_store: bool, **options: Any) -> Any:
            if in_store:
                return instead(click.get_current_context(), **options)
            return here(*given, **options)

        return either

    return with_option


@click.command("copy")
@environment_option
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--latest", is_flag=True, help="The newest backup of a healthy release.")
@click.option("--dry-run", is_flag=True, help="Only say what would be copied.")
@json_option
@plain_option
@click.pass_context
def copy(
    ctx: click.Context,
    environment: str | None,
    files: tuple[str, ...],
    latest: bool,
    dry_run: bool,
    as_json: bool,
    plain: bool,
) -> int:
    """Copy backups (FILE, by name or path) to the store, or go on where copying was cut.

    What is there already is compared; another archive of the same name is refused, never overwritten.
    """
    from mobius.flows.off_site import copied_facts, would_copy
    from mobius.report.copying import copied_words, would_copy_words

    the_app = app(ctx)
    name = the_app.environment(environment).name
    ports = the_app.ports(name, read_only=True)
    for backup in _chosen(ports, files, latest):
        if dry_run:
            would = would_copy(ports, backup)
            click.echo(json.dumps({"schema_version": 1, **would}) if as_json else would_copy_words(would))
            continue
        with Shown(as_json=as_json, plain=plain) as shown:
            shown(f"copying {backup.name}")
            copied = the_app.copy_backup(name, backup, progress=shown)
        told = {"schema_version": 1, "event": "copied", **copied_facts(copied)}
        click.echo(json.dumps(told) if as_json else copied_words(copied))
    next_step(f"see what is there: mobius backup list --store -e {name}", quiet=as_json)
    return 0


def _chosen(ports: Ports, files: tuple[str, ...], latest: bool) -> list[BackupRecord]:
    from mobius.errors import UsageError
    from mobius.flows.keep import known_backups

    if bool(files) == latest:
        raise UsageError("which backup?", "name files, or give --latest")
    known = known_backups(ports)
    if latest:
        chosen = [backup for backup in known if backup.kind == "release"][:1]
        if not chosen:
            name = ports.settings.name
            raise UsageError(f"there is no backup of {name} to copy", f"mobius backup create -e {name}")
        return chosen
    return [_named(ports, known, file) for file in files]


def _named(ports: Ports, known: tuple[BackupRecord, ...], file: str) -> BackupRecord:
    path = Path(file)
    for backup in known:
        if file == backup.name or path.absolute() == Path(backup.path):
            return backup
    return ports.backups.describe(path.absolute())


@click.command("fetch")
@environment_option
@click.argument("name")
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Put it there, instead of the folder for backups.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be fetched.")
@json_option
@plain_option
@click.pass_context
def fetch(
    ctx: click.Context,
    environment: str | None,
    name: str,
    folder: Path | None,
    dry_run: bool,
    as_json: bool,
    plain: bool,
) -> int:
    """Bring the backup NAME back from the store; it has its name only once every hash was checked."""
    from mobius.report.copying import fetched_words
    from mobius.report.words import size

    the_app = app(ctx)
    of = the_app.environment(environment).name
    if dry_run:
        from mobius.flows.fetching import look_up

        ports = the_app.ports(of, read_only=True)
        place, sha256, size_bytes = look_up(ports, name)
        into = str(folder.absolute() if folder else ports.settings.backup.folder)
        would = {"name": name, "place": place, "sha256": sha256, "size_bytes": size_bytes, "to": into}
        words = f"{place} ({size(size_bytes)}) would be fetched to {into}"
        click.echo(json.dumps({"schema_version": 1, "dry_run": True, **would}) if as_json else words)
        return 0
    with Shown(as_json=as_json, plain=plain) as shown:
        fetched = the_app.fetch_backup(of, name, folder=folder.absolute() if folder else None, progress=shown)
    told = {"schema_version": 1, "event": "fetched", **asdict(fetched)}
    click.echo(json.dumps(told) if as_json else fetched_words(fetched))
    next_step(f"go back to it: mobius rollback -e {of} --backup {fetched.path}", quiet=as_json)
    return 0


def list_stored(ctx: click.Context, environment: str | None, as_json: bool, **_: Any) -> int:
    """What lies in the store. Exit 0 also where the copying of one was cut: the next one may be whole."""
    from mobius.report.copying import stored_line

    the_app = app(ctx)
    ports = the_app.ports(environment, read_only=True)
    here = {Path(path).name for path in ports.backups.files()}
    copies = the_app.stored_backups(environment)
    for each in copies:
        known = {name: value for name, value in asdict(each.record).items() if name != "metadata"}
        told = {"schema_version": 1, **known, "whole": each.whole, "here": each.record.name in here}
        line = stored_line(each, ports.clock.now(), here=each.record.name in here)
        click.echo(json.dumps(told) if as_json else line)
    name = ports.settings.name
    if copies:
        next_step(f"bring one back: mobius backup fetch NAME -e {name}", quiet=as_json)
    else:
        next_step(f"there is none; make one: mobius backup copy --latest -e {name}", quiet=as_json)
    return 0


def verify_stored(
    ctx: click.Context, environment: str | None, files: tuple[Path, ...], as_json: bool, **_: Any
) -> int:
    """Reads copies where they lie, every one when none is named. Exit 11 when one does not hold."""
    from mobius.errors import BackupInvalid
    from mobius.flows import fetching
    from mobius.flows.off_site import stored_backups

    ports = app(ctx).ports(environment, read_only=True)
    names = [str(file) for file in files] or [
        each.record.name for each in stored_backups(ports) if each.whole
    ]
    broken: BackupInvalid | None = None
    for name in names:
        told: dict[str, object]
        try:
            with Shown(as_json=as_json) as shown:
                signer = fetching.verify_stored(ports, name, progress=shown)
        except BackupInvalid as problem:
            broken = broken or problem
            told = {"file": name, "ok": False, "message": str(problem)}
        else:
            signed = f", signed by {signer}" if signer else ""
            told = {"file": name, "ok": True, "message": f"its hash holds{signed}", "signer": signer}
        click.echo(json.dumps({"schema_version": 1, **told}) if as_json else f"{name}: {told['message']}")
    if broken is not None:
        next_step(broken.hint, quiet=as_json)
        return broken.exit_code
    return 0


def prune_stored(ctx: click.Context, environment: str | None, dry_run: bool, as_json: bool, **_: Any) -> int:
    """Removes copies past retention, by the rule for the disk."""
    from mobius.flows.keep_copies import judged_copies, prune_copies
    from mobius.report.backups import fate_words

    ports = app(ctx).ports(environment, read_only=True)
    fates = judged_copies(ports)
    going = [fate.backup for fate in fates if not fate.stays]
    gone = [backup.name for backup in going] if dry_run else list(prune_copies(ports, going))
    if as_json:
        every = [{"name": f.backup.name, "kept": f.stays, "reasons": f.reasons} for f in fates]
        click.echo(json.dumps({"schema_version": 1, "removed": gone, "dry_run": dry_run, "backups": every}))
        return 0
    for fate in fates if dry_run else ():
        click.echo(f"{fate.backup.name}: {fate_words(fate)}")
    verb = "to remove from the store" if dry_run else "removed from the store"
    click.echo("\n".join(f"{verb}: {name}" for name in gone) or "nothing in the store is past its retention")
    return 0


def is_only_there(ports: Ports, file: str) -> bool:
    """Whether this names a backup that is not here, but in the store. Where the store cannot be asked, it says so on
    stderr, and nobody counts on it."""
    from mobius.errors import MobiusError
    from mobius.flows.off_site import is_stored

    is_bare = Path(file).name == file and file.endswith(".zip") and not Path(file).exists()
    if ports.store is None or not is_bare or file in {Path(path).name for path in ports.backups.files()}:
        return False
    try:
        return is_stored(ports, file)
    except MobiusError as problem:
        click.echo(f"{file} is not here, and the store cannot be asked: {problem.message}", err=True)
        return False


def at_hand(the_app: App, name: str, backup: str, *, dry_run: bool, as_json: bool, plain: bool) -> str:
    """The backup that was named, fetched from the store where it is only there; it says so first. What is in neither
    place is left to whoever needs it, to say so."""
    from mobius.errors import UsageError

    ports = the_app.ports(name, read_only=True)
    if not is_only_there(ports, backup):
        return backup
    assert ports.store is not None
    place = ports.store.place()
    if dry_run:
        fetching = f"mobius backup fetch {backup} -e {name}"
        raise UsageError(f"{backup} is not here, but in {place}", f"fetch it first: {fetching}")
    click.echo(f"{backup} is not here, but in {place}: it is fetched first", err=True)
    with Shown(as_json=as_json, plain=plain) as shown:
        the_app.fetch_backup(name, backup, progress=shown)
    return backup


def restore_there(ports: Ports, file: Path, only: tuple[str, ...], folder: Path, **how: Any) -> Restored:
    """Some paths out of a copy in the store, without fetching the whole; it says so first, and how much it read."""
    from mobius.flows.fetching import restore_stored
    from mobius.report.words import size

    assert ports.store is not None
    click.echo(f"{file} is not here, but in {ports.store.place()}: what is wanted is read there", err=True)
    done, read_bytes = restore_stored(ports, str(file), only, folder, **how)
    click.echo(f"{size(read_bytes)} were read", err=True)
    return done

"""`mobius backup`: make, list, verify, prune; restore, copy and fetch have files of their own."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mobius.archive.verify import read_metadata
from mobius.cli import backup_store as store
from mobius.cli.advancing import Shown
from mobius.cli.backup_damage import damage_lines, surveyed
from mobius.cli.backup_restore import command as restore
from mobius.cli.context import app, environment_option, json_option, next_step, plain_option, width

if TYPE_CHECKING:
    from mobius.model.fate import Fate
    from mobius.ports import Ports
    from mobius.report.backups import Listed


@click.group("backup")
def command() -> None:
    """Archives of code, configuration and data; each is published only once it was read back and verified."""


@command.command("create")
@environment_option
@click.option(
    "--backup-dir",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Put it there, instead of the folder that mobius.toml names.",
)
@json_option
@plain_option
@click.pass_context
def create(
    ctx: click.Context, environment: str | None, backup_dir: Path | None, as_json: bool, plain: bool
) -> int:
    """Back up what is live now."""
    from mobius.report.backups import measured
    from mobius.report.words import size

    the_app = app(ctx)
    name = the_app.environment(environment).name
    with Shown(as_json=as_json, plain=plain) as shown:
        made = the_app.create_backup(
            name, folder=backup_dir.absolute() if backup_dir else None, progress=shown
        )
    says = made.metadata or {}
    if as_json:
        click.echo(json.dumps({"schema_version": 1, **asdict(made)}, default=str))
    else:
        took = measured(float(says.get("took_s") or 0), int(says.get("read_bytes") or 0))
        click.echo(f"{made.path}  {size(made.size_bytes)}  sha256 {made.sha256[:16]}…  verified{took}")
    next_step(f"check it yourself: {_sha256sum(Path(made.path), the_app.settings.project)}", quiet=as_json)
    return 0


def _sha256sum(archive: Path, project: Path) -> str:
    """The command to type here: the checksum names the archive as it is seen from the project."""
    if not archive.is_relative_to(project):
        return f"sha256sum -c {shlex.quote(f'{archive}.sha256')}"
    words = f"sha256sum -c {shlex.quote(f'{archive.relative_to(project)}.sha256')}"
    return words if Path.cwd() == project else f"cd {shlex.quote(str(project))} && {words}"


command.add_command(store.copy)
command.add_command(store.fetch)
command.add_command(restore)


@command.command("list")
@store.or_in_store(store.list_stored, "What lies in the store, off this machine.")
@environment_option
@json_option
@click.option("--verified", is_flag=True, help="Verify each one now, and list only those that hold.")
@click.pass_context
def list_all(ctx: click.Context, environment: str | None, as_json: bool, verified: bool) -> int:
    """List backups, newest first: how well each is proven, and why it is kept."""
    from mobius.flows.keep import judged
    from mobius.report.backups import table

    ports = app(ctx).ports(environment, read_only=True)
    fates = [fate for fate in judged(ports) if not verified or _holds(ports, fate.backup.path)]
    listed = [_listed(ports, fate) for fate in fates]
    for each in listed if as_json else ():
        told = {"kept": each.fate.stays, "reasons": each.fate.reasons, "proven": each.proven}
        click.echo(json.dumps({"schema_version": 1, **asdict(each.fate.backup), **told}))
    for line in table(listed, ports.clock.now(), width()) if not as_json else ():
        click.echo(line)
    damaged = _damaged(ports)
    for path, why in damaged:
        told = {"name": path.name, "path": str(path), "damaged": True, "message": why}
        click.echo(json.dumps({"schema_version": 1, **told}) if as_json else f"{path.name} DAMAGED: {why}")
    if not listed and not damaged:
        next_step(f"there is none; make one: mobius backup create -e {ports.settings.name}", quiet=as_json)
    else:
        next_step("prove one: mobius backup verify FILE", quiet=as_json)
    return 11 if damaged else 0


def _listed(ports: Ports, fate: Fate) -> Listed:
    from mobius.errors import MobiusError
    from mobius.report.backups import Listed

    backup = fate.backup
    proven = "booted" if backup.booted else "rehearsed" if backup.rehearsed_at else "verified"
    try:
        signed = "signed" if ports.backups.signer(Path(backup.path)) else ""
    except MobiusError:  # nothing is proven of what nobody may use
        return Listed(fate, ("SIGNATURE REFUSED",))
    return Listed(fate, tuple(word for word in (proven, signed) if word))


def _damaged(ports: Ports) -> list[tuple[Path, str]]:
    """Files that no listing can name otherwise, and why; second names, and what is of others, are none of them."""
    from mobius.errors import MobiusError

    found = ports.backups.found()
    known, ours = {backup.path for backup in found}, (ports.service, ports.settings.name)
    damaged = []
    for path in ports.backups.files():
        if str(path) in known:
            continue
        try:
            says = read_metadata(path)
        except MobiusError:
            damaged.append((path, "it cannot be read"))
            continue
        is_second_name = path.stem.rpartition("_")[2].isdigit() and len(path.stem.rpartition("_")[2]) == 8
        if (says.get("service"), says.get("environment")) == ours and not is_second_name:
            damaged.append((path, "its checksum is missing, or that of another file"))
    return damaged


def _holds(ports: Ports, path: str) -> bool:
    from mobius.errors import BackupInvalid

    try:
        ports.backups.verify(Path(path))
    except BackupInvalid as broken:
        click.echo(f"not listed: {broken.message}", err=True)
        return False
    return True


@command.command("verify")
@store.or_in_store(store.verify_stored, "Copies in the store (FILES are their names), read where they lie.")
@environment_option
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--whole", is_flag=True, help="Of one that does not hold, name each path that is whole.")
@json_option
@click.pass_context
def verify(
    ctx: click.Context, environment: str | None, files: tuple[Path, ...], whole: bool, as_json: bool
) -> int:
    """Read FILES (or every backup) again and check every hash, and who signed. Exit 11 when one does not hold."""
    from mobius.errors import BackupInvalid

    ports = app(ctx).ports(environment, read_only=True)
    broken: BackupInvalid | None = None
    every = files or ports.backups.files()
    for path in every:
        told: dict[str, object]
        try:
            signer = ports.backups.verify(path)
        except BackupInvalid as problem:
            broken = broken or problem
            found = surveyed(path, list_whole=whole)
            told = {"file": str(path), "ok": False, "message": str(problem), **found}
        else:
            signed = f", signed by {signer}" if signer else ""
            told = {"file": str(path), "ok": True, "message": f"every hash holds{signed}", "signer": signer}
        text = json.dumps({"schema_version": 1, **told}) if as_json else f"{path}: {told['message']}"
        click.echo(text)
        for line in damage_lines(told) if not as_json else ():
            click.echo(line)
    if broken is not None:
        next_step(broken.hint, quiet=as_json)
        return broken.exit_code
    if not every:
        next_step(f"there is none; make one: mobius backup create -e {ports.settings.name}", quiet=as_json)
    return 0


@command.command("prune")
@store.or_in_store(store.prune_stored, "The copies in the store.")
@environment_option
@click.option("--dry-run", is_flag=True, help="Only say of each whether it would go, and why.")
@json_option
@click.pass_context
def prune(ctx: click.Context, environment: str | None, dry_run: bool, as_json: bool) -> int:
    """Remove backups past retention; never one that a release or a run needs, nor the newest that was proven."""
    from mobius.flows import keep
    from mobius.report.backups import fate_words

    ports = app(ctx).ports(environment, read_only=dry_run)
    fates = keep.judged(ports)
    going = [fate.backup.name for fate in fates if not fate.stays]
    gone = going if dry_run else list(ports.backups.prune(going))
    if as_json:
        every = [{"name": f.backup.name, "kept": f.stays, "reasons": f.reasons} for f in fates]
        click.echo(json.dumps({"schema_version": 1, "removed": gone, "dry_run": dry_run, "backups": every}))
        return 0
    for fate in fates if dry_run else ():
        click.echo(f"{fate.backup.name}: {fate_words(fate)}")
    verb = "to remove" if dry_run else "removed"
    click.echo("\n".join(f"{verb}: {name}" for name in gone) or "nothing is past its retention")
    return 0

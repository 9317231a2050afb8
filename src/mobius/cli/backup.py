"""`mobius backup`: make, list, verify, prune."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path

import click

from mobius.archive.verify import read_metadata
from mobius.cli.context import app, environment_option, json_option, next_step
from mobius.report.words import ago, size


@click.group("backup")
def command() -> None:
    """Archives of code, configuration and data; each is published only once it was read back and verified."""


@command.command("create")
@environment_option
@json_option
@click.pass_context
def create(ctx: click.Context, environment: str | None, as_json: bool) -> int:
    """Back up what is live now."""
    the_app = app(ctx)
    name = the_app.environment(environment).name
    made = the_app.create_backup(name, progress=lambda line: click.echo(line, err=True))
    if as_json:
        click.echo(json.dumps({"schema_version": 1, **asdict(made)}, default=str))
    else:
        click.echo(f"{made.path}  {size(made.size_bytes)}  sha256 {made.sha256[:16]}…  verified")
    next_step(f"check it yourself: sha256sum -c {made.path}.sha256", quiet=as_json)
    return 0


@command.command("list")
@environment_option
@json_option
@click.option("--verified", is_flag=True, help="Verify each one now, and list only those that hold.")
@click.pass_context
def list_all(ctx: click.Context, environment: str | None, as_json: bool, verified: bool) -> int:
    """List backups, newest first."""
    ports = app(ctx).ports(environment, read_only=True)
    recorded = {backup.name: backup for backup in ports.journal.backups(ports.settings.name)}
    for found in ports.backups.found():
        if verified and not _holds(ports, found.path):
            continue
        backup = recorded.get(found.name, found)
        if as_json:
            click.echo(
                json.dumps({"schema_version": 1, **asdict(backup), "metadata": found.metadata}, default=str)
            )
            continue
        proven = "rehearsed" if backup.rehearsed_at else "verified" if verified or backup.verified_at else ""
        line = f"{backup.name:<32} {size(backup.size_bytes):>9}  {ago(backup.created_at, time.time()):<14} {proven}"
        click.echo(line.rstrip())
    known = {found.path for found in ports.backups.found()}
    damaged = [path for path in ports.backups.files() if str(path) not in known and not _is_alias(path)]
    for path in damaged:
        told = {"name": path.name, "path": str(path), "damaged": True}
        text = (
            json.dumps({"schema_version": 1, **told})
            if as_json
            else f"{path.name:<32} DAMAGED: it cannot be read"
        )
        click.echo(text)
    next_step("prove one: mobius backup verify FILE", quiet=as_json)
    return 11 if damaged else 0


def _is_alias(path: Path) -> bool:
    """A second name of a backup that is listed already."""
    from mobius.errors import MobiusError

    try:
        return bool(read_metadata(path))
    except MobiusError:
        return False


def _holds(ports, path: str) -> bool:  # type: ignore[no-untyped-def]
    from mobius.errors import BackupInvalid

    try:
        ports.backups.verify(Path(path))
    except BackupInvalid as broken:
        click.echo(f"not listed: {broken.message}", err=True)
        return False
    return True


@command.command("verify")
@environment_option
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@json_option
@click.pass_context
def verify(ctx: click.Context, environment: str | None, files: tuple[Path, ...], as_json: bool) -> int:
    """Read FILES (or every backup) again and check every hash. Exit 11 when one does not hold."""
    from mobius.errors import BackupInvalid

    ports = app(ctx).ports(environment, read_only=True)
    broken: BackupInvalid | None = None
    for path in files or ports.backups.files():
        try:
            ports.backups.verify(path)
        except BackupInvalid as problem:
            broken = broken or problem
            told = {"file": str(path), "ok": False, "message": str(problem)}
        else:
            told = {"file": str(path), "ok": True, "message": "every hash holds"}
        text = json.dumps({"schema_version": 1, **told}) if as_json else f"{path}: {told['message']}"
        click.echo(text)
    if broken is not None:
        next_step(broken.hint, quiet=as_json)
        return broken.exit_code
    return 0


@command.command("prune")
@environment_option
@click.option("--dry-run", is_flag=True, help="Only say which would go.")
@json_option
@click.pass_context
def prune(ctx: click.Context, environment: str | None, dry_run: bool, as_json: bool) -> int:
    """Remove backups past retention; never one that a kept release needs, nor the newest rehearsed one."""
    from mobius.rules.retention import backups_to_keep, releases_to_remove

    ports = app(ctx).ports(environment, read_only=dry_run)
    name = ports.settings.name
    releases = ports.journal.releases(name)
    removed = releases_to_remove(releases, keep=ports.settings.release.keep)
    keep = backups_to_keep(ports.journal.backups(name), [r.id for r in releases if r.id not in removed])
    gone = ports.backups.prune(keep, now=time.time(), dry_run=dry_run)
    if as_json:
        click.echo(json.dumps({"schema_version": 1, "removed": list(gone), "dry_run": dry_run}))
        return 0
    verb = "to remove" if dry_run else "removed"
    click.echo("\n".join(f"{verb}: {backup}" for backup in gone) or "nothing is past its retention")
    return 0

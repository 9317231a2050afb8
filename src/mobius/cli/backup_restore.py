"""`mobius backup restore`: one file, one folder or everything out of a backup, beside what is there."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mobius.cli import backup_store as store
from mobius.cli.advancing import Shown
from mobius.cli.context import app, environment_option, json_option, next_step, plain_option

if TYPE_CHECKING:
    from mobius.archive.ranged import Restored


@click.command("restore")
@environment_option
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--only", multiple=True, metavar="PATH", help="A file or folder in the backup; may be given again."
)
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where to put it, under its path in the backup (default: a folder named as the backup).",
)
@click.option("--force", is_flag=True, help="What is in the way is put beside, under another name.")
@click.option("--trusted", is_flag=True, help="The backup is your own: its links may lead out of DIR.")
@click.option("--dry-run", is_flag=True, help="Only say what would be put where.")
@json_option
@plain_option
@click.pass_context
def command(
    ctx: click.Context,
    environment: str | None,
    file: Path,
    only: tuple[str, ...],
    folder: Path | None,
    force: bool,
    trusted: bool,
    dry_run: bool,
    as_json: bool,
    plain: bool,
) -> int:
    """Put what is in the backup FILE into a folder; the service and its data are not touched.

    With --only, no more than the wanted bytes are read, each compared with its hash, so that a whole file comes out of
    a damaged backup, too. Without it the whole backup is proven and put into DIR, which must be new.
    """
    from mobius.report.restored import text

    the_app = app(ctx, or_last=True)
    ports = the_app.ports(environment, read_only=True)
    folder = folder or Path(file.stem)
    if only and store.is_only_there(ports, str(file)):
        done = store.restore_there(ports, file, only, folder, force=force, trusted=trusted, dry_run=dry_run)
    else:
        name = ports.settings.name
        named = store.at_hand(the_app, name, str(file), dry_run=dry_run, as_json=as_json, plain=plain)
        here = ports.settings.backup.folder / named
        file = here if file.name == named and not file.exists() and here.exists() else file
        signer = ports.backups.signer(file)
        trusted = trusted or file.resolve().parent == ports.settings.backup.folder.resolve()
        with Shown(as_json=as_json, plain=plain) as shown:
            done = _restored(file, only, folder, force, trusted, dry_run, shown)
        if only and signer:
            what = f"signed by {signer}: that covers the archive's checksum, which --only does not compare"
            done = replace(done, notes=(*done.notes, what))
    if as_json:
        told = {
            "file": str(file),
            "places": [str(place) for place in done.places],
            "files": done.files,
            "paths": done.paths,
            "size_bytes": done.size_bytes,
            "kept": [str(place) for place in done.kept],
            "notes": list(done.notes),
            "dry_run": dry_run,
        }
        click.echo(json.dumps({"schema_version": 1, **told}))
        return 0
    for line in text(done.places, done.files, done.size_bytes, done.kept, dry_run=dry_run):
        click.echo(line)
    for note in done.notes:
        click.echo(note, err=True)
    if dry_run:
        next_step("nothing was written; leave --dry-run out to restore it")
    elif not only:
        next_step("to go back with code and data, use: mobius rollback --backup FILE")
    return 0


def _restored(
    file: Path, only: tuple[str, ...], folder: Path, force: bool, trusted: bool, dry_run: bool, shown: Shown
) -> Restored:
    from mobius.archive.extract import extract_archive
    from mobius.archive.ranged import Restored, restore_only
    from mobius.errors import MobiusError, UsageError
    from mobius.report.restored import restoring
    from mobius.rules.advancing import Pace

    progress = Pace(shown, restoring, time.monotonic)
    if only:
        return restore_only(
            file, only, folder, force=force, trusted=trusted, dry_run=dry_run, progress=progress
        )
    if force:
        raise UsageError("--force goes with --only", "a whole backup is restored into a new folder: --to DIR")
    if dry_run:
        from mobius.archive.verify import verify_archive

        if folder.exists():
            raise MobiusError(
                f"{folder} exists already", "restore to a folder that does not exist yet: --to DIR"
            )
        manifest = verify_archive(file, progress=progress)
        return Restored((folder,), manifest.files, manifest.paths, manifest.size_bytes)
    folder.parent.mkdir(parents=True, exist_ok=True)
    done = extract_archive(file, folder, trusted=trusted, progress=progress)
    return Restored((folder,), done.files, done.paths, done.size_bytes, notes=done.not_restored)

"""Restoring some paths of a backup: only their own bytes are read, and the directory and manifest that find them."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mobius.archive.damage import member_by_manifest, readable_entries
from mobius.archive.durable import in_words, require_free_disk, sync_folder, sync_tree
from mobius.archive.renames import exchange, rename_exclusively
from mobius.archive.verify import HINT, Progress, named, opened_file
from mobius.archive.zip_in import open_archive
from mobius.archive.zip_in_content import Damaged
from mobius.archive.zip_in_examine import check_safe
from mobius.archive.zip_in_filling import Filling, Wanted, sentences, wanted_below, write_hard_links
from mobius.archive.zip_in_lines import Entry
from mobius.archive.zip_in_names import Links
from mobius.archive.zip_in_records import Reader
from mobius.archive.zip_in_staging import staging_for
from mobius.archive.zip_in_tree import Tree
from mobius.errors import BackupInvalid, MobiusError, UsageError

DAMAGE_HINT = "see what is whole: mobius backup verify FILE"


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put (or, in a dry run, would be put) where. `kept` are what was in the way, by their new names.

    `notes` are sentences for people: what was not checked, and what could not be restored.
    """

    places: tuple[Path, ...]
    files: int
    paths: int
    size_bytes: int
    kept: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()


def restore_only(
    path: Path,
    only: Sequence[str],
    destination: Path,
    *,
    force: bool = False,
    trusted: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Restored:
    """Restore the files or folders `only` (paths in the archive) below `destination`, under the same paths.

    Each chunk is compared with its SHA-256 in the manifest; the archive's own hash is not read, so it works with other
    members damaged, and with a damaged directory too. Everything is written into a hidden folder in `destination`
    first, then renamed; what is there already is never overwritten: it is refused, or with `force` put beside.
    `trusted` as in `extract_archive`.

    Raises UsageError for a path that the archive does not hold, BackupInvalid where what is wanted is damaged or not
    safe, MobiusError for what is in the way or not writable.
    """
    with named(path), opened_file(path) as file:
        reader = Reader(file)
        return restore_from(
            reader,
            path,
            only,
            destination,
            force=force,
            trusted=trusted,
            dry_run=dry_run,
            progress=progress,
        )


def restore_from(
    reader: Reader,
    path: Path,
    only: Sequence[str],
    destination: Path,
    *,
    force: bool = False,
    trusted: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Restored:
    """The same from wherever `reader` reads; the name of `path` is what its errors say."""
    if not only:
        raise UsageError("no path to restore was named", "name one: --only data/app.db")
    prefixes = _outermost(only)
    with named(path):
        notes = _notes(reader)
        wanted, linked = _look(reader, prefixes, portable=not trusted or sys.platform == "win32")
        places = tuple(destination / prefix for prefix in prefixes)
        _refuse_in_the_way(places, force=force)
        if dry_run:
            return Restored(places, wanted.files, wanted.paths, wanted.size_bytes, notes=notes)
        with in_words(f"{path.name} could not be restored to {destination}", destination):
            made = not destination.exists()
            destination.mkdir(parents=True, exist_ok=True)
            try:
                require_free_disk(destination, wanted.disk_bytes, f"restoring from {path.name}")
                with staging_for(destination / "restore") as staging, _with_damage_hint():
                    lost = _fill(reader, wanted, staging, linked=linked, trusted=trusted, progress=progress)
                    sync_tree(staging)
                    kept = [_put(staging / prefix, destination / prefix) for prefix in prefixes]
            except BaseException:
                if made:
                    with contextlib.suppress(OSError):
                        destination.rmdir()
                raise
    beside = tuple(place for place in kept if place is not None)
    return Restored(places, wanted.files, wanted.paths, wanted.size_bytes, beside, (*notes, *lost))


def _outermost(only: Sequence[str]) -> tuple[str, ...]:
    """Each wanted path once: a file within a wanted folder comes with it."""
    paths = sorted({each.rstrip("/") or each for each in only})
    return tuple(
        path for path in paths if not any(path != other and path.startswith(other + "/") for other in paths)
    )


def _notes(reader: Reader) -> tuple[str, ...]:
    note = "the rest of the archive was not read: mobius backup verify FILE proves all of it"
    try:
        open_archive(reader)
    except BackupInvalid as error:
        return (f"the archive is damaged ({error.message}): found by its manifest alone", note)
    return (note,)


def _look(reader: Reader, prefixes: tuple[str, ...], *, portable: bool) -> tuple[Wanted, bool]:
    """Count and judge what is wanted, before anything is written; and whether it has hard links."""
    wanted = wanted_below(readable_entries(reader), prefixes)
    check_safe(lambda: wanted.of(readable_entries(reader)), portable=portable)
    return wanted, any(entry.link for entry in wanted.of(readable_entries(reader)))


def _refuse_in_the_way(places: Sequence[Path], *, force: bool) -> None:
    for place in places if not force else ():
        if os.path.lexists(place):
            raise MobiusError(
                f"{place} exists already",
                "restore to another folder (--to DIR), or add --force to put what is there beside",
            )


def _fill(
    reader: Reader,
    wanted: Wanted,
    staging: Path,
    *,
    linked: bool,
    trusted: bool,
    progress: Progress | None,
) -> tuple[str, ...]:
    def entries() -> Iterator[Entry]:
        return wanted.of(readable_entries(reader))

    tree = Tree(staging, trusted=trusted)
    try:
        with Links() as firsts:
            members = (member_by_manifest(reader, entry) for entry in entries())
            Filling(reader, tree, wanted.takes, firsts).fill(members, wanted.size_bytes, progress)
            if linked:
                write_hard_links(tree, wanted, firsts, entries())
        tree.finish_folders(entries())
        return sentences(tree)
    finally:
        tree.close()


@contextlib.contextmanager
def _with_damage_hint() -> Iterator[None]:
    try:
        yield
    except Damaged as error:
        hint = error.hint if error.hint and error.hint != HINT else DAMAGE_HINT
        raise BackupInvalid(error.message, hint, details=error.details) from error


def _put(new: Path, place: Path) -> Path | None:
    """Rename into place; where something is, the two change places and it is kept under another name."""
    place.parent.mkdir(parents=True, exist_ok=True)
    kept = None
    if os.path.lexists(place):
        kept = _free_name(place)
        if exchange(new, place):
            rename_exclusively(new, kept)
        else:
            rename_exclusively(place, kept)
            rename_exclusively(new, place)
    else:
        rename_exclusively(new, place)
    sync_folder(place.parent)
    return kept


def _free_name(place: Path) -> Path:
    start = f"{place.name}.before_{time.strftime('%Y%m%d_%H%M%S')}"
    names = itertools.chain([start], (f"{start}_{number}" for number in itertools.count(2)))
    return next(free for name in names if not os.path.lexists(free := place.with_name(name)))

"""Extracting a backup into a new folder: proven before it is trusted, and there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mobius.archive.durable import in_words, require_free_disk, sync_folder, sync_tree
from mobius.archive.renames import rename_exclusively
from mobius.archive.verify import Progress, opened_proving
from mobius.archive.zip_in_examine import Opened
from mobius.archive.zip_in_filling import (
    BLOCK_BYTES,
    Filling,
    Wanted,
    sentences,
    wanted_below,
    write_hard_links,
)
from mobius.archive.zip_in_lines import Manifest
from mobius.archive.zip_in_names import Links
from mobius.archive.zip_in_staging import staging_for
from mobius.archive.zip_in_tree import Tree
from mobius.errors import MobiusError


@dataclass(frozen=True, slots=True)
class Extracted:
    """A backup's content (or some prefixes of it) below `path`, each file proven against the manifest.

    `paths` counts all that was extracted, `files` only files. `not_restored` says in sentences what of owners and
    extended attributes could not be restored here.
    """

    path: Path
    manifest: Manifest
    files: int
    paths: int
    size_bytes: int
    not_restored: tuple[str, ...] = ()


def extract_archive(
    path: Path,
    destination: Path,
    *,
    prefixes: Sequence[str] | None = None,
    trusted: bool = False,
    progress: Progress | None = None,
) -> Extracted:
    """Verify the backup and extract it, or only `prefixes`, into the new folder `destination` (mode 0700).

    Members keep their path: `release/app.py` becomes `destination/release/app.py`. Modes, times, links, holes and
    extended attributes are restored; owners are when root does it. Everything is written into a hidden folder beside
    `destination`, synced, and renamed at the end, when the archive's hash was found right, too; on failure that folder
    is removed and nothing else was touched.

    Links that lead out of `destination`, names that differ only by case, and names that Windows reads
    differently are refused, unless the archive is `trusted`: known to be our own, since its hash stands in
    the journal or the operator named it. A release with a virtual environment needs that, because its
    `python` is a link to the system's.

    Raises BackupInvalid for anything wrong with the backup, UsageError for an unknown prefix, MobiusError
    when `destination` exists, is not writable, or the disk is too small.
    """
    portable = not trusted or sys.platform == "win32"
    with in_words(f"backup {path.name} could not be extracted to {destination}", destination.parent):
        if os.path.lexists(destination):
            raise MobiusError(f"{destination} exists already", "extract to a folder that does not exist yet")
        with contextlib.ExitStack() as stack:
            with opened_proving(path, portable=portable) as opened:
                wanted = _wanted(opened, prefixes)
                require_free_disk(destination.parent, wanted.disk_bytes, f"extracting {path.name}")
                staging = stack.enter_context(staging_for(destination))
                lost = fill(opened, wanted, staging, trusted=trusted, progress=progress)
                sync_tree(staging)
            # Only now is the archive's own hash known to be right.
            rename_exclusively(staging, destination)
            sync_folder(destination.parent)
        return Extracted(destination, opened.manifest, wanted.files, wanted.paths, wanted.size_bytes, lost)


def _wanted(opened: Opened, prefixes: Sequence[str] | None) -> Wanted:
    whole = opened.manifest
    if prefixes is None:
        disk_bytes = opened.disk_bytes + BLOCK_BYTES * whole.paths
        return Wanted(None, whole.files, whole.paths, whole.size_bytes, disk_bytes)
    return wanted_below(opened.entries(), prefixes)


def fill(
    opened: Opened,
    wanted: Wanted,
    staging: Path,
    *,
    trusted: bool,
    progress: Progress | None = None,
) -> tuple[str, ...]:
    """Write what is wanted below `staging`: content in parallel, then hard links, then symlinks and folders."""
    members = (member for member in opened.archive.members() if wanted.takes(member.entry.path))
    tree = Tree(staging, trusted=trusted)
    try:
        with Links() as firsts:
            Filling(opened.archive.reader, tree, wanted.takes, firsts).fill(
                members, wanted.size_bytes, progress
            )
            if opened.linked:
                write_hard_links(tree, wanted, firsts, opened.entries())
        tree.finish_folders(wanted.of(opened.entries()))
        return sentences(tree)
    finally:
        tree.close()

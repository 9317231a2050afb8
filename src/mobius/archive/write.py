"""Writing a backup: trees, databases at one point in time, metadata and manifest; verified and published."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mobius.archive.durable import drop_cache, in_words, require_free_disk
from mobius.archive.fill import Filler, Progress
from mobius.archive.manifest import Entry, Manifest, Source
from mobius.archive.publish import NameTaken, Sign, Workspace, publish, recorded_name, workspace
from mobius.archive.tree import Skipped, walk
from mobius.archive.verify import check_members, open_zip, sha256_of
from mobius.errors import BackupInvalid, UsageError

_PER_ENTRY_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Written:
    """A published, verified backup."""

    path: Path
    sidecar: Path
    sha256: str
    size_bytes: int
    manifest: Manifest
    skipped: tuple[Skipped, ...]


def write_archive(
    target: Path,
    sources: Sequence[Source],
    metadata: Mapping[str, object],
    *,
    checksum_root: Path,
    progress: Progress | None = None,
    sign: Sign | None = None,
) -> Written:
    """Write, re-read, verify and then publish one backup, with its `.sha256` beside it; `target` must be new.

    `checksum_root` is the folder from which `sha256sum -c` shall find the archive. `metadata` must be JSON;
    the key "archive" is ours. `progress(done_bytes, total_bytes)` follows the reading of the sources. `sign` turns the
    content of the sidecar into its signature, which is published between the two. NameTaken is raised for a `target`
    that exists or is being written.

    On any failure nothing is published and the temporary file is gone. Raises MobiusError for what cannot be
    read, keeps changing, or does not fit on the disk; BackupInvalid for a malformed database, or when the
    disk gives back other bytes than were written.
    """
    doing = f"the backup {target.name} could not be written"
    _refuse_unusable(target)
    with in_words(doing, target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        found, skipped = walk(sources)
        largest_database = max((each.size_bytes for each in found if each.database), default=0)
        total = sum(each.size_bytes for each in found if each.kind == "file")
        require_free_disk(
            target.parent,
            total + largest_database + _PER_ENTRY_BYTES * (len(found) + 100),
            f"backup {target.name}",
        )
        with workspace(target) as space:
            filler = Filler(space, total, progress, skipped=list(skipped))
            with filler.abandoned_on_failure():
                filler.fill(found)
                facts = filler.facts(sources) | {"published_as": recorded_name(target, checksum_root)}
                filler.finish({**metadata, "archive": facts})
            manifest = _reread(space, tuple(filler.entries))
            sidecar = publish(space, target, manifest.archive_sha256, checksum_root=checksum_root, sign=sign)
    return Written(
        target, sidecar, manifest.archive_sha256, manifest.archive_size_bytes, manifest, tuple(filler.skipped)
    )


def _refuse_unusable(target: Path) -> None:
    if target.suffix != ".zip" or any(char in "\\\r\n" for char in target.name):
        raise UsageError(f"{target.name!r} cannot name a backup", "use a name that ends in .zip")
    if target.exists():
        raise NameTaken(f"the backup {target} exists already", "name the new one differently")


def _reread(space: Workspace, entries: tuple[Entry, ...]) -> Manifest:
    """Read back from the disk what was written, and compare it with what was read from the sources."""
    written = sha256_of(space.file)
    os.fsync(space.file.fileno())
    drop_cache(space.file.fileno())
    try:
        found = sha256_of(space.file)
        if found != written:
            raise BackupInvalid(f"expected {written}, found {found}")
        with open_zip(space.file, found) as opened:
            if opened.manifest.entries != entries:
                raise BackupInvalid("its manifest is not the one that was written")
            check_members(opened)
            return opened.manifest
    except BackupInvalid as error:
        raise BackupInvalid(
            f"the backup was not published: the disk gave back other bytes than were written: {error}",
            "check the disk (dmesg, smartctl), then try again",
        ) from error

"""Extracting a backup into a new folder: proven before it is trusted, and there whole or not at all."""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
import shutil
import stat
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mobius.archive.durable import (
    folder_locked,
    in_words,
    lock_file,
    require_free_disk,
    sync_folder,
    sync_tree,
)
from mobius.archive.renames import rename_exclusively
from mobius.archive.verify import Progress, opened_proving
from mobius.archive.zip_in import Member
from mobius.archive.zip_in_content import (
    Chunk,
    Crc,
    Work,
    holes_in,
    in_parallel,
    prove_chunk,
    small_contents,
    works_of,
)
from mobius.archive.zip_in_examine import Opened, is_under
from mobius.archive.zip_in_lines import Entry, Manifest
from mobius.archive.zip_in_names import Links
from mobius.archive.zip_in_records import Reader
from mobius.archive.zip_in_tree import Tree
from mobius.errors import MobiusError, UsageError

_BLOCK_BYTES = 4096


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


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries to extract (all, without prefixes), and how much that is."""

    prefixes: tuple[str, ...] | None
    files: int
    paths: int
    size_bytes: int
    disk_bytes: int

    def of(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        return (entry for entry in entries if self.takes(entry.path))

    def takes(self, path: str) -> bool:
        return self.prefixes is None or any(is_under(path, prefix) for prefix in self.prefixes)


def _wanted(opened: Opened, prefixes: Sequence[str] | None) -> Wanted:
    whole = opened.manifest
    if prefixes is None:
        disk_bytes = opened.disk_bytes + _BLOCK_BYTES * whole.paths
        return Wanted(None, whole.files, whole.paths, whole.size_bytes, disk_bytes)
    return wanted_below(opened.entries(), prefixes)


def wanted_below(entries: Iterable[Entry], prefixes: Sequence[str]) -> Wanted:
    """Count what lies at or below `prefixes`; UsageError names one below which there is nothing."""
    missing = set(prefixes)
    tops: set[str] = set()
    files = paths = size_bytes = holes = 0
    for entry in entries:
        if len(tops) < 20:
            tops.add(entry.path.split("/")[0])
        here = [prefix for prefix in prefixes if is_under(entry.path, prefix)]
        if here:
            missing.difference_update(here)
            paths += 1
            files += entry.kind == "file"
            size_bytes += entry.size_bytes
            holes += sum(length for _, length in entry.holes)
    for prefix in prefixes:
        if prefix in missing:
            raise UsageError(
                f"the backup holds nothing below {prefix!r}", f"it holds: {', '.join(sorted(tops))}"
            )
    return Wanted(tuple(prefixes), files, paths, size_bytes, size_bytes - holes + _BLOCK_BYTES * paths)


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


def sentences(tree: Tree) -> tuple[str, ...]:
    """What could not be restored, for people."""
    return tuple(f"{count} times not restored: {what}" for what, count in sorted(tree.lost.items()))


class Filling:
    """Writes files from several threads. Of hard-linked files the first that is wanted is written; `firsts` remembers
    which, by the path that they name, where that itself is not wanted."""

    def __init__(self, reader: Reader, tree: Tree, takes: Callable[[str], bool], firsts: Links) -> None:
        self._reader = reader
        self._tree = tree
        self._takes = takes
        self._firsts = firsts
        self._files: dict[str, int] = {}

    def fill(self, members: Iterable[Member], total: int, progress: Progress | None) -> None:
        done, crc = 0, Crc()
        with contextlib.closing(in_parallel(self._works(members), self._do)) as results:
            for work, found in results:
                if isinstance(work, Chunk):
                    crc.add(work, found)
                    if work.last:
                        self._tree.finish(self._files.pop(work.member.entry.path), work.member.entry)
                done += work.size_bytes
                if progress:
                    progress(done, total)

    def _works(self, members: Iterable[Member]) -> Iterator[Work]:
        for work in works_of(self._with_folders(members)):
            if isinstance(work, Chunk) and work.offset == 0:
                fd = self._tree.create(work.member.entry.path)
                self._files[work.member.entry.path] = fd
                os.ftruncate(fd, work.member.entry.size_bytes)
            yield work

    def _with_folders(self, members: Iterable[Member]) -> Iterator[Member]:
        """Make each folder before what is in it; leave out later names of a file that is there already."""
        folder: str | None = None
        for member in members:
            entry = member.entry
            if entry.kind == "directory":
                self._tree.make_folder(entry.path)
                folder = entry.path
                continue
            if (parent := entry.path.rpartition("/")[0]) != folder:
                self._tree.make_parents(entry.path)
                folder = parent
            if entry.link:
                if self._takes(entry.link) or self._firsts[entry.link] is not None:
                    continue
                # The first name is outside of what is wanted; the content is stored under this one, too.
                self._firsts.add(entry.link, entry.path)
            yield member

    def _do(self, work: Work) -> int:
        if isinstance(work, Chunk):
            content, crc = prove_chunk(self._reader, work)
            _write(self._files[work.member.entry.path], work.member, content, work.offset)
            return crc
        for member, content in small_contents(self._reader, work):
            if member.entry.kind == "symlink":
                continue
            fd = self._tree.create(member.entry.path)
            if member.entry.holes:
                os.ftruncate(fd, member.entry.size_bytes)
            _write(fd, member, content, 0)
            self._tree.finish(fd, member.entry)
        return 0


def write_hard_links(tree: Tree, wanted: Wanted, firsts: Links, entries: Iterable[Entry]) -> None:
    """All further names of files that are written by now."""
    for entry in wanted.of(entries):
        if entry.link:
            source = entry.link if wanted.takes(entry.link) else firsts[entry.link]
            if source is not None and source != entry.path:
                tree.link(source, entry)


def _write(fd: int, member: Member, content: bytes, offset: int) -> None:
    """The content of one piece where it belongs, but for its holes."""
    begin = 0
    view = memoryview(content)
    for hole, end in [*holes_in(member, offset, len(content)), (len(content), len(content))]:
        while begin < hole:
            begin += _write_at(fd, view[begin:hole], offset + begin)
        begin = max(begin, end)


_ONE_WRITER = threading.Lock()


def _write_at(fd: int, data: memoryview, offset: int) -> int:
    if hasattr(os, "pwrite"):
        return os.pwrite(fd, data, offset)
    with _ONE_WRITER:
        os.lseek(fd, offset, os.SEEK_SET)
        return os.write(fd, data)


@contextlib.contextmanager
def staging_for(destination: Path) -> Iterator[Path]:
    """A private, locked folder beside `destination`, removed at the end; so are those of dead extractions."""
    parent = destination.parent
    with folder_locked(parent):
        for leftover in parent.glob(f".{glob.escape(destination.name)}.*.staging"):
            with _lock_of(leftover) as held:
                if held:
                    _remove(leftover)
        staging = parent / f".{destination.name}.{secrets.token_hex(6)}.staging"
        staging.mkdir(mode=0o700)
        lock = contextlib.ExitStack()
        lock.enter_context(_lock_of(staging))
    try:
        yield staging
    finally:
        lock.close()
        if os.path.lexists(staging):
            _remove(staging)


@contextlib.contextmanager
def _lock_of(folder: Path) -> Iterator[bool]:
    """The kernel's lock on a folder, held while it is open; where folders cannot be locked, never held."""
    if sys.platform == "win32":
        yield False
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        try:
            held = lock_file(fd, wait=False)
        except OSError:
            held = False
        yield held
    finally:
        os.close(fd)


def _remove(folder: Path) -> None:
    def open_up(function: Callable[..., Any], path: str, _: object) -> None:
        # A restored folder may forbid its own removal.
        Path(path).parent.chmod(stat.S_IRWXU)
        if Path(path).is_dir() and not Path(path).is_symlink():
            Path(path).chmod(stat.S_IRWXU)
            shutil.rmtree(path, ignore_errors=True)
        else:
            function(path)

    if sys.version_info >= (3, 12):
        shutil.rmtree(folder, onexc=open_up)
    else:
        shutil.rmtree(folder, onerror=open_up)

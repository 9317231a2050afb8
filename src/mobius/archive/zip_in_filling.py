"""Writing what is wanted of an archive below a folder: content in parallel, then the further names of files."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from mobius.archive.verify import Progress
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
from mobius.archive.zip_in_examine import is_under
from mobius.archive.zip_in_lines import Entry
from mobius.archive.zip_in_names import Links
from mobius.archive.zip_in_records import Reader
from mobius.archive.zip_in_tree import Tree
from mobius.errors import UsageError

BLOCK_BYTES = 4096  # what a path takes on a disk besides its content, at least


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
    return Wanted(tuple(prefixes), files, paths, size_bytes, size_bytes - holes + BLOCK_BYTES * paths)


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


def sentences(tree: Tree) -> tuple[str, ...]:
    """What could not be restored, for people."""
    return tuple(f"{count} times not restored: {what}" for what, count in sorted(tree.lost.items()))

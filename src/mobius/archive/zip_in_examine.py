"""Judging a whole archive before its content is read: structure, agreement, names and links, in one walk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mobius.archive.zip_in import Archive, check_order, walk
from mobius.archive.zip_in_lines import Entry, Manifest, order_of
from mobius.archive.zip_in_names import Links, Twins, why_climbs, why_unportable
from mobius.errors import BackupInvalid

TRUST_HINT = "if you know that this backup is your own, extract it as trusted"
_TOPS_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Opened:
    """An archive whose structure and manifest agree; the content of its members is not read yet.

    `disk_bytes` is what its content takes on a disk, holes left out.
    """

    archive: Archive
    manifest: Manifest
    disk_bytes: int
    linked: bool

    def entries(self) -> Iterator[Entry]:
        """All entries in the archive's order, read anew at each call."""
        return self.archive.entries()

    def under(self, prefix: str) -> Iterator[Entry]:
        """The entries at or below `prefix`."""
        return (entry for entry in self.archive.entries() if is_under(entry.path, prefix))


def is_under(path: str, prefix: str) -> bool:
    """Whether `path` is `prefix`, or below it."""
    return path == prefix or path.startswith(prefix.rstrip("/") + "/")


def examine(archive: Archive, sha256: str, *, portable: bool = False) -> Opened:
    """Walk the archive once: structure, agreement, names, links. BackupInvalid names what is wrong first.

    With `portable` also refuses what Windows reads differently, names that differ only by case, and links that lead
    out of the destination.
    """
    files = paths = size_bytes = disk_bytes = 0
    tops: list[str] = []
    tree = b""
    with _Names(portable=portable) as names, Links() as firsts:
        for member in walk(archive):
            entry = member.entry
            paths += 1
            files += entry.kind == "file"
            size_bytes += entry.size_bytes
            disk_bytes += entry.size_bytes - sum(length for _, length in entry.holes)
            if not (tree and order_of(entry.path).startswith(tree)):
                tops.append(entry.path)
                tree = order_of(entry.path) + b"\0" if entry.kind == "directory" else b""
                if len(tops) > _TOPS_LIMIT:
                    raise BackupInvalid("it holds more separate trees than any backup")
            if entry.link:
                _remember_first(firsts, entry)
            names.take(entry)
        if firsts:
            _check_firsts(archive, firsts)
        names.judge(archive.entries)
        linked = bool(firsts)
    size = archive.reader.size_bytes
    manifest = Manifest(files, paths, size_bytes, archive.metadata, sha256, size, tuple(tops))
    return Opened(archive, manifest, disk_bytes, linked)


def check_safe(entries: Callable[[], Iterator[Entry]], *, portable: bool) -> None:
    """The rules of `examine` for names and links alone, for some entries of an archive that is not walked."""
    with _Names(portable=portable) as names:
        before, leaf = b"", False
        for entry in entries():
            if why := why_climbs(entry.path):
                raise BackupInvalid(f"it is not safe to extract: {entry.path!r} {why}")
            order = order_of(entry.path)
            if before:
                check_order(entry, order, before, leaf)
            before, leaf = order, entry.kind != "directory"
            names.take(entry)
        names.judge(entries)


class _Names:
    """What is judged of names and links when all are known; only for archives that must be portable."""

    def __init__(self, *, portable: bool) -> None:
        self._portable = portable
        self._twins = Twins()
        self._links = Links()

    def __enter__(self) -> _Names:
        return self

    def __exit__(self, *_: object) -> None:
        self._links.close()

    def take(self, entry: Entry) -> None:
        if not self._portable:
            return
        if why := why_unportable(entry.path):
            raise _unsafe(f"{entry.path!r} {why}")
        self._twins.add(entry.path)
        if entry.kind == "symlink":
            self._links.add(entry.path, entry.link_target)

    def judge(self, entries: Callable[[], Iterator[Entry]]) -> None:
        if not self._portable:
            return
        suspects = self._twins.suspects()
        if suspects and (pair := self._twins.pair((entry.path for entry in entries()), suspects)):
            raise _unsafe(f"{pair[1]!r} and {pair[0]!r} differ only by case")
        if out := self._links.leading_out():
            raise _unsafe(f"the link {out[0]!r} -> {out[1]!r} leads out of the destination")


def _unsafe(why: str) -> BackupInvalid:
    return BackupInvalid(f"it is not safe to extract: {why}", TRUST_HINT)


def _remember_first(firsts: Links, entry: Entry) -> None:
    content = f"{entry.size_bytes} {entry.sha256}"
    firsts.add(entry.link, content)
    if firsts[entry.link] != content or order_of(entry.link) >= order_of(entry.path):
        raise BackupInvalid(f"{entry.path!r} is a hard link to {entry.link!r}, which is not the same file")


def _check_firsts(archive: Archive, firsts: Links) -> None:
    """What hard links name must be a file of the archive with the same content, and no link itself."""
    named_there = 0
    for entry in archive.entries():
        content = firsts[entry.path]
        if content is None:
            continue
        named_there += 1
        if entry.kind != "file" or entry.link or content != f"{entry.size_bytes} {entry.sha256}":
            raise BackupInvalid(f"a hard link names {entry.path!r}, which is not the same file")
    if named_there != firsts.count():
        raise BackupInvalid("a hard link names a file that is not in the archive")

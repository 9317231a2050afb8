"""Reading `MANIFEST.jsonl`: one entry for each path, one line at a time, whatever the number of them."""

from __future__ import annotations

import functools
import hashlib
import os
import re
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

import msgspec

from mobius.archive.zip_in_records import CHUNK_BYTES
from mobius.errors import BackupInvalid

METADATA_NAME = "backup_metadata.json"
MANIFEST_NAME = "MANIFEST.jsonl"
_TARGET_LIMIT_BYTES = 4095  # what Linux takes for a link's
LINE_LIMIT_BYTES = 64 << 20  # the chunks of a file of some 800 GB
_ONE_CHUNK = rb'\s*\[\s*(0|[1-9][0-9]{0,7})\s*,\s*"([0-9a-f]{64})"\s*\]'
_FIRST_CHUNK, _NEXT_CHUNK = re.compile(rb"\s*\[" + _ONE_CHUNK), re.compile(rb"\s*," + _ONE_CHUNK)
_CLOSED = re.compile(rb"\s*\]\s*")

_Count = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
_Number = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
# What os.utime can take: outside of it a restore would stop at the last step.
_Time = Annotated[int, msgspec.Meta(gt=-(2**62), lt=2**62)]


class Entry(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"size_bytes": "size", "mode_text": "mode", "link_target": "target", "raw_chunks": "chunks"},
):
    """One path in the archive.

    `sha256` is of the content (of a chunked file: of its chunks' digests one after the other; of the target text for a
    symlink; "" for a directory). `link` names the first path of a hard-linked file. `holes` are (offset, length) where
    a sparse file has nothing on disk. `at` and `packed` say where its data lies in the archive. `database` says that
    the content was captured through SQLite's backup API, so size and hash are the copy's.
    """

    path: str
    kind: Literal["file", "directory", "symlink"]
    size_bytes: _Count
    sha256: str
    mode_text: Annotated[str, msgspec.Meta(pattern=r"^[0-7]{4}\Z")]
    mtime_ns: _Time
    uid: _Number
    gid: _Number
    user: str
    group: str
    link_target: str = ""
    link: str = ""
    xattrs: dict[str, str] = {}
    holes: tuple[tuple[_Count, Annotated[int, msgspec.Meta(ge=1, le=2**62)]], ...] = ()
    database: bool = False
    raw_chunks: msgspec.Raw = msgspec.Raw()
    at: _Count | None = None
    packed: _Count | None = None

    @property
    def mode(self) -> int:
        """The permission bits."""
        return int(self.mode_text, 8)

    @property
    def member(self) -> str:
        """The name in the zip: a directory's ends in a slash."""
        return self.path + "/" if self.kind == "directory" else self.path

    @property
    def chunks(self) -> Iterator[tuple[int, bytes]]:
        """(packed bytes, SHA-256) of each chunk; none for a file that is not chunked."""
        raw = memoryview(self.raw_chunks)
        place = 0
        while found := (_NEXT_CHUNK if place else _FIRST_CHUNK).match(raw, place):
            place = found.end()
            yield int(found[1]), bytes.fromhex(found[2].decode())
        if raw and not _CLOSED.fullmatch(raw, place):
            raise BackupInvalid(f"{MANIFEST_NAME} lists chunks of {self.path!r} that are none")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive holds, as it was proven when it was read; its size does not grow with the number of paths.

    `paths` counts all entries, `files` those of files; `size_bytes` is what the content needs once extracted. `tops`
    are the paths that no other entry holds: the prefixes of what was backed up.
    """

    files: int
    paths: int
    size_bytes: int
    metadata: Mapping[str, object] = field(hash=False)
    archive_sha256: str
    archive_size_bytes: int
    tops: tuple[str, ...]

    def holds(self, prefix: str) -> bool:
        """Whether something was backed up as `prefix`, or below it."""
        below = prefix.rstrip("/") + "/"
        return any(top == prefix or top.startswith(below) for top in self.tops)


@functools.cache
def _decoder() -> msgspec.json.Decoder[Entry]:
    return msgspec.json.Decoder(Entry)


def read_lines(pieces: Iterable[bytes]) -> Generator[Entry]:
    """The entries in `pieces` of the manifest's text; BackupInvalid names the first line that is not one."""
    held: list[bytes] = []
    size = number = 0
    for piece in pieces:
        cut = piece.rfind(b"\n") + 1
        if not cut:
            held.append(piece)
            size += len(piece)
            if size > LINE_LIMIT_BYTES:
                raise BackupInvalid(f"{MANIFEST_NAME} line {number + 1} is longer than any real one")
            continue
        text = b"".join((*held, piece[:cut]))
        held, size = [piece[cut:]], len(piece) - cut
        for line in text.splitlines():
            number += 1
            yield _decoded(line, number)
    if size:
        raise BackupInvalid(f"{MANIFEST_NAME} line {number + 1} is cut off")


def _decoded(line: bytes, number: int) -> Entry:
    try:
        entry = _decoder().decode(line)
        why = _why_unsound(entry)
    except (msgspec.MsgspecError, UnicodeError, BackupInvalid) as error:
        why = str(error)
    if why:
        raise BackupInvalid(f"{MANIFEST_NAME} line {number} is not an entry: {why}", details=(_shown(line),))
    return entry


def _shown(line: bytes) -> str:
    return f"it is {line[:160]!r}{'…' if len(line) > 160 else ''}"


_HEX = re.compile("[0-9a-f]{64}")


def _why_unsound(entry: Entry) -> str:
    """What JSON's types do not say; "" when the entry is sound by itself."""
    if entry.kind == "directory":
        if entry.sha256 or entry.size_bytes or entry.link or entry.link_target or entry.holes or entry.at:
            return "a directory has no content"
        return "a directory has no content" if entry.packed or entry.raw_chunks else ""
    if not _HEX.fullmatch(entry.sha256):
        return "its sha256 is none"
    if entry.size_bytes and (entry.at is None or entry.packed is None):
        return "it does not say where its content is"
    if entry.kind == "symlink":
        target = entry.link_target.encode()
        if (
            not target
            or b"\0" in target
            or len(target) > _TARGET_LIMIT_BYTES
            or entry.link
            or entry.holes
            or entry.raw_chunks
            or entry.database
        ):
            return "a link has a target and nothing else"
        same = len(target) == entry.size_bytes and hashlib.sha256(target).hexdigest() == entry.sha256
        return "" if same else f"the link {entry.path} has another target than its hash says"
    if entry.link_target:
        return "only a link has a target"
    return _why_chunks(entry) or (_why_holes(entry) if entry.holes else "")


def _why_chunks(entry: Entry) -> str:
    if bool(entry.raw_chunks) != (entry.size_bytes > CHUNK_BYTES):
        return "it is chunked and small, or large and not chunked"
    if not entry.raw_chunks:
        return ""
    count = total = 0
    digest = hashlib.sha256()
    for packed, sha256 in entry.chunks:
        count, total = count + 1, total + packed
        digest.update(sha256)
    if count != -(-entry.size_bytes // CHUNK_BYTES) or total + 2 != entry.packed:
        return "its chunks do not make up its size"
    return "" if digest.hexdigest() == entry.sha256 else "its sha256 is not that of its chunks"


def _why_holes(entry: Entry) -> str:
    free_from = 0
    for offset, length in entry.holes:
        if offset < free_from or offset + length > entry.size_bytes:
            return "its holes overlap, or lie outside of it"
        free_from = offset + length
    return ""


def order_of(path: str) -> bytes:
    """What the members of an archive ascend by: a directory comes before what it holds."""
    return path.encode().replace(b"/", b"\0")


def fsname(path: str) -> bytes:
    """The path as the system takes it, whatever its own encoding is."""
    return path.encode() if os.name == "posix" else os.fsencode(path)

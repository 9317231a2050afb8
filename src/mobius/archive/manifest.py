"""What is in a backup: one entry per path with its hash, and the metadata that binds it to a release."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from mobius.errors import BackupInvalid

FORMAT = 1
METADATA_NAME = "backup_metadata.json"
MANIFEST_NAME = "MANIFEST.jsonl"

EntryKind = Literal["file", "directory", "symlink"]
_KINDS = ("file", "directory", "symlink")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Source:
    """One tree to back up: a directory's content lies below `prefix`, a single file is stored as `prefix`.

    `path` itself may be a symlink (it is followed, because somebody named it); links inside are recorded as
    links. `exclude` holds shell patterns: one without "/" matches any component's name (`node_modules`,
    `*.log`), one with "/" matches the path relative to `path`; what lies below an excluded directory is
    excluded too.
    """

    prefix: str
    path: Path
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One path in the archive.

    `sha256` is of the content (of the target text for a symlink, "" for a directory). `mode` holds the
    permission bits. `database` says that the content was captured through SQLite's backup API, so size and
    hash are the copy's.
    """

    path: str
    kind: EntryKind
    size_bytes: int
    sha256: str
    mode: int
    mtime_ns: int
    link_target: str = ""
    database: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything an archive holds, as it was proven when it was read."""

    entries: tuple[Entry, ...]
    metadata: Mapping[str, object] = field(hash=False)
    archive_sha256: str
    archive_size_bytes: int

    @property
    def files(self) -> int:
        return sum(entry.kind == "file" for entry in self.entries)

    @property
    def size_bytes(self) -> int:
        """What the content needs on disk once extracted."""
        return sum(entry.size_bytes for entry in self.entries)

    def under(self, prefix: str) -> tuple[Entry, ...]:
        """The entries at or below `prefix`."""
        below = prefix.rstrip("/") + "/"
        return tuple(entry for entry in self.entries if entry.path == prefix or entry.path.startswith(below))


def encode_entries(entries: Sequence[Entry]) -> bytes:
    """The content of `MANIFEST.jsonl`: one JSON object per line, in archive order."""
    return b"".join(_encode(entry) for entry in entries)


def decode_entries(text: bytes) -> tuple[Entry, ...]:
    """Read `MANIFEST.jsonl`; BackupInvalid names the first line that is not an entry."""
    return tuple(_decode(line, number) for number, line in enumerate(text.splitlines(), start=1))


def encode_metadata(metadata: Mapping[str, object]) -> bytes:
    return json.dumps(metadata, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def decode_metadata(text: bytes) -> Mapping[str, object]:
    try:
        metadata = json.loads(text)
    except ValueError as error:
        raise BackupInvalid(f"{METADATA_NAME} is not JSON: {error}") from error
    if not isinstance(metadata, dict):
        raise BackupInvalid(f"{METADATA_NAME} is not a JSON object")
    facts = metadata.get("archive")
    found = facts.get("format") if isinstance(facts, dict) else None
    if found != FORMAT:
        raise BackupInvalid(f"{METADATA_NAME} names format {found!r}; this mobius reads format {FORMAT}")
    return cast("dict[str, object]", metadata)


def _encode(entry: Entry) -> bytes:
    line: dict[str, object] = {
        "path": entry.path,
        "kind": entry.kind,
        "size": entry.size_bytes,
        "sha256": entry.sha256,
        "mode": f"{entry.mode:04o}",
        "mtime_ns": entry.mtime_ns,
    }
    if entry.kind == "symlink":
        line["target"] = entry.link_target
    if entry.database:
        line["database"] = True
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"


def _decode(line: bytes, number: int) -> Entry:
    try:
        raw: Any = json.loads(line)
        entry = Entry(
            path=raw["path"],
            kind=raw["kind"],
            size_bytes=raw["size"],
            sha256=raw["sha256"],
            mode=int(raw["mode"], 8),
            mtime_ns=raw["mtime_ns"],
            link_target=raw.get("target", ""),
            database=raw.get("database", False),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupInvalid(f"{MANIFEST_NAME} line {number} is not an entry: {error!r}") from error
    if not _is_sound(entry):
        raise BackupInvalid(f"{MANIFEST_NAME} line {number} is not an entry: {line[:200]!r}")
    return entry


def _is_sound(entry: Entry) -> bool:
    """JSON has no types of ours, so a hand-made line may hold anything."""
    typed = (
        isinstance(entry.path, str)
        and entry.kind in _KINDS
        and type(entry.size_bytes) is int
        and isinstance(entry.sha256, str)
        and type(entry.mtime_ns) is int
        and isinstance(entry.link_target, str)
        and isinstance(entry.database, bool)
    )
    if not typed or entry.size_bytes < 0 or not 0 <= entry.mode <= 0o7777:
        return False
    # What os.utime can take: outside of it a restore would stop at the last step.
    if not -(2**62) < entry.mtime_ns < 2**62:
        return False
    if entry.kind == "directory":
        return entry.sha256 == "" and entry.size_bytes == 0
    if entry.kind == "symlink" and entry.link_target == "":
        return False
    return _SHA256.fullmatch(entry.sha256) is not None

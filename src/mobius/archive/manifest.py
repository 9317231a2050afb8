"""What goes into an archive, and the names of its own two members."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FORMAT = 2
METADATA_NAME = "backup_metadata.json"
MANIFEST_NAME = "MANIFEST.jsonl"

EntryKind = Literal["file", "directory", "symlink"]


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


def encode_metadata(metadata: Mapping[str, object]) -> bytes:
    """The content of `backup_metadata.json`."""
    return json.dumps(metadata, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n"

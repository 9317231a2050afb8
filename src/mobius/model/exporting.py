"""An export: what went into it, what was left out and why, and where it lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an export. `source`: where it came from, "" for what was written for the export; `redacted`: how
    often what was taken out; `note`: what is to be known of it, such as that it is only the end of a file."""

    name: str
    content: bytes
    source: str = ""
    redacted: Mapping[str, int] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One file that is not in the export, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything that an export would have."""

    members: tuple[Member, ...]
    left_out: tuple[LeftOut, ...]
    head: str  # of the audit log, "" where nothing was written
    with_secrets: bool = False


@dataclass(frozen=True, slots=True)
class Exported:
    """An archive that was written."""

    path: Path
    sha256: str
    size_bytes: int

"""What is shipped, and the point it can be taken back to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class ReleaseState(StrEnum):
    """Where a release stands in its life."""

    STAGED = "staged"
    LIVE = "live"  # receives traffic
    PREVIOUS = "previous"  # was live before; the way back
    RETIRED = "retired"  # was live once, is neither live nor previous
    FAILED = "failed"  # was tried and taken back, or never became healthy


@dataclass(frozen=True, slots=True)
class Release:
    """An immutable artefact: the same id is always the same tree with the same configuration."""

    id: str
    tag: str
    commit: str  # git commit, or "" for a directory or an archive
    content_digest: str  # SHA-256 of the source
    config_digest: str  # SHA-256 of the configuration snapshot
    schema_revision: str = ""  # last applied migration when it was staged
    state: ReleaseState = ReleaseState.STAGED
    slot: str = ""  # where its web processes run or last ran
    staged_at: float = 0.0  # unix seconds
    live_since: float = 0.0
    accepted: bool = False  # a window ended with PASS, or a person accepted it


def tree_of(release_id: str) -> str:
    """The id of the release whose tree this one runs: a restart keeps the tree (`v2-1a2b3c4d`) and takes the
    configuration anew (`v2-1a2b3c4d+2`)."""
    return release_id.partition("+")[0]


@dataclass(frozen=True, slots=True)
class BackupRecord:
    """One published backup as the journal remembers it; the choice of the latest good one comes from here."""

    name: str
    path: str
    sha256: str
    size_bytes: int
    created_at: float
    release_id: str  # the release it guards, "" before the first deployment
    run_id: int
    kind: str  # "release" or "emergency"
    verified_at: float = 0.0
    rehearsed_at: float = 0.0
    restore_s: float = 0.0  # how long the rehearsal's restore took
    metadata: dict[str, Any] | None = None
    booted: bool = False  # its release was started on the restored copy and passed its smoke tests
    not_proven: str = ""  # why it was not, where it was rehearsed
    rto_s: float = 0.0  # from the archive to smoke tests passed; 0 where it was not booted
    rpo_s: float = 0.0  # how old its data was when it was rehearsed

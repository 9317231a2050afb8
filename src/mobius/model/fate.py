"""What becomes of a backup: whether it stays, and why."""

from __future__ import annotations

from dataclasses import dataclass

from mobius.model.release import BackupRecord


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one backup. `reasons`: everything that keeps it, or the one why it goes."""

    backup: BackupRecord
    stays: bool
    reasons: tuple[str, ...]

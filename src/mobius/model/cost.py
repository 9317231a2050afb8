"""What something costs that takes a while: room on disks, and time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Need:
    """Room that is needed for a while on one disk: `purpose` says for what, `device` which disk it is."""

    purpose: str
    folder: str
    device: int
    needed_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Shortage:
    """One disk that has too little: what is needed there at the same time."""

    needs: tuple[Need, ...]
    needed_bytes: int
    free_bytes: int

    @property
    def lacking_bytes(self) -> int:
        """How much has to go for everything to fit."""
        return self.needed_bytes - self.free_bytes


@dataclass(frozen=True, slots=True)
class Duration:
    """How long a backup is going to take, as `measured` earlier ones say; None where nobody knows. `restore_s`: of
    the last rehearsal, 0 for none."""

    backup_s: float | None
    measured: int
    restore_s: float

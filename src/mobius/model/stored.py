"""What lies in a store: copies of backups, off this machine."""

from __future__ import annotations

from dataclasses import dataclass

from mobius.model.release import BackupRecord


@dataclass(frozen=True, slots=True)
class Stored:
    """One object of a store, as a listing says it. Times in unix seconds."""

    name: str
    size_bytes: int
    modified_at: float


@dataclass(frozen=True, slots=True)
class Created:
    """How an object came to its name.

    `sent_bytes` went over now; `kept_bytes` were there from an attempt that was cut, or wholly before. `checked` says
    what proved that the store holds the content; `remark` why nothing of an earlier attempt could be used, "" else.
    """

    sent_bytes: int
    kept_bytes: int
    checked: str
    was_there: bool = False
    remark: str = ""


@dataclass(frozen=True, slots=True)
class StoredBackup:
    """A backup whose archive lies in the store. `record.path` says where; of one that nothing is known of but its
    name, `record.sha256` is "" and its kind unknown, which is never removed."""

    record: BackupRecord
    modified_at: float

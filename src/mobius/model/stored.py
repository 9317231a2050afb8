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
    """A copy in the store. `record.path` says where; of an archive that came there by other means nothing is known but
    its name, its size and when: its kind is "". Not `whole`: the copying was cut before the archive was there."""

    record: BackupRecord
    modified_at: float
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Copied:
    """One backup that is in the store now: how it came there, and how long that took."""

    name: str
    place: str
    sha256: str
    size_bytes: int
    created: Created
    took_s: float


@dataclass(frozen=True, slots=True)
class Fetched:
    """One backup that came back, verified. `kept_bytes`: those of an attempt that was cut."""

    name: str
    path: str
    sha256: str
    size_bytes: int
    kept_bytes: int
    took_s: float
    was_there: bool = False

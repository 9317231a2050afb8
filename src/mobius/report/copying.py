"""The words for copies of backups: how far one is, how it came to be there, what lies in the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mobius.model.stored import Copied, Fetched, StoredBackup
from mobius.report.words import ago, duration, size


def copying(done_bytes: int, total_bytes: int, bytes_per_s: float, left_s: float | None) -> str:
    """ "copy: 410 MB of 1.2 GB, 25 MB/s, about 30 s left"."""
    return _moving("copy", done_bytes, total_bytes, bytes_per_s, left_s)


def fetching(done_bytes: int, total_bytes: int, bytes_per_s: float, left_s: float | None) -> str:
    """ "fetch: 410 MB of 1.2 GB, 25 MB/s, about 30 s left"."""
    return _moving("fetch", done_bytes, total_bytes, bytes_per_s, left_s)


def verifying(done_bytes: int, total_bytes: int, bytes_per_s: float, left_s: float | None) -> str:
    """ "verify: 410 MB of 1.2 GB, 25 MB/s, about 30 s left"."""
    return _moving("verify", done_bytes, total_bytes, bytes_per_s, left_s)


def _moving(what: str, done_bytes: int, total_bytes: int, bytes_per_s: float, left_s: float | None) -> str:
    if done_bytes >= total_bytes:
        return f"{what}: {size(total_bytes)} are over, checking"
    parts = [f"{what}: {size(done_bytes)} of {size(total_bytes)}"]
    if bytes_per_s > 0:
        parts.append(f"{size(round(bytes_per_s))}/s")
    parts.append("no estimate yet" if left_s is None else f"about {duration(max(1, round(left_s)))} left")
    return ", ".join(parts)


def copied_words(copied: Copied) -> str:
    """One sentence, for people and for the run's record."""
    made = copied.created
    if made.was_there:
        return f"{copied.name} is in {copied.place} already, the same by its SHA-256 ({made.checked})"
    sent = f"{size(made.sent_bytes)} sent in {duration(copied.took_s)}"
    kept = f", {size(made.kept_bytes)} kept from an attempt that was cut" if made.kept_bytes else ""
    remark = f"; {made.remark}" if made.remark else ""
    return f"{copied.name} is in {copied.place}: {sent}{kept}, checked by {_checked(made.checked)}{remark}"


def would_copy_words(would: Mapping[str, Any]) -> str:
    """One sentence of a dry run."""
    if would["is_there"]:
        return f"{would['name']} is in {would['place']} already; the two would be compared"
    return f"{would['name']} ({size(would['size_bytes'])}) would be copied to {would['place']}"


def _checked(by: str) -> str:
    return {"read back": "reading it back", "read back from the disk": "reading it back from the disk"}.get(
        by, by
    )


def fetched_words(fetched: Fetched) -> str:
    """One sentence."""
    if fetched.was_there:
        return f"{fetched.path} is here already and holds"
    kept = f", {size(fetched.kept_bytes)} kept from an attempt that was cut" if fetched.kept_bytes else ""
    return f"{fetched.path}: {size(fetched.size_bytes)} in {duration(fetched.took_s)}{kept}, every hash holds"


def stored_line(copy: StoredBackup, now: float, *, here: bool) -> str:
    """One line of `backup list --store`."""
    record = copy.record
    if not copy.whole:
        return f"{record.name:<32} NOT WHOLE: copying it was cut; mobius backup copy {record.name}"
    proven = "rehearsed" if record.rehearsed_at else "verified" if record.verified_at else ""
    where = "also here" if here else "only there"
    unknown = "" if record.kind else "came there by other means"
    told = ", ".join(word for word in (proven, unknown, where) if word)
    return f"{record.name:<32} {size(record.size_bytes):>9}  {ago(record.created_at, now):<14} {told}"

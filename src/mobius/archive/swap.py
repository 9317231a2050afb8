"""Putting restored content in the place of the live one, the old one kept; safe to repeat after a crash."""

from __future__ import annotations

import contextlib
import enum
import errno
import json
import os
from dataclasses import dataclass
from pathlib import Path

from mobius.archive.durable import in_words, sync_folder
from mobius.archive.renames import exchange, rename_exclusively
from mobius.archive.sqlite_capture import COMPANIONS
from mobius.errors import MobiusError

_Identity = tuple[int, int]


class SwapState(enum.Enum):
    """What is known of a swap; UNKNOWN means that somebody else changed something, so do nothing blindly."""

    DONE = "done"
    NOT_DONE = "not done"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Swapped:
    """`live` holds the new content; `old` is where the former one is now, None if there was none."""

    live: Path
    old: Path | None
    atomic: bool


@dataclass(frozen=True, slots=True)
class _Record:
    """Written before the first rename: which file or folder (device, inode) was which."""

    new: _Identity
    old: _Identity | None


def swap_in(new: Path, live: Path, keep_old_as: Path) -> Swapped:
    """Put `new` in the place of `live`, and keep what was there as `keep_old_as`: folders or single files.

    May be repeated after a crash at any point, with the same three paths: it finishes what was begun, and
    does nothing when all is done. `live` may be absent. On Linux the exchange is one step of the kernel;
    elsewhere there is a moment without `live`, which a repetition closes. An SQLite file's -wal, -shm and
    -journal move with their file; nothing may have it open. A small record stays beside `keep_old_as`; remove
    it together with that.

    All paths must be on one filesystem. Raises MobiusError when they are not, when a path is missing or in
    the way, or when somebody else changed `live` since a first try.
    """
    with in_words(f"{live} could not be replaced", live.parent):
        if observe_swap(new, live, keep_old_as) is SwapState.DONE:
            return Swapped(live, keep_old_as if os.path.lexists(keep_old_as) else None, atomic=True)
        record = _read(keep_old_as) or _begin(new, live, keep_old_as)
        atomic = _replace(record, new, live, keep_old_as)
        for folder in {live.parent, new.parent, keep_old_as.parent}:
            sync_folder(folder)
        return Swapped(live, keep_old_as if record.old else None, atomic)


def swap_back(new: Path, live: Path, keep_old_as: Path) -> None:
    """Undo a swap of these three paths: what was live is live again, and `new` is what it was replaced by.

    May be repeated after a crash, as may `swap_in` after it; a swap that was never begun is a success. Raises
    MobiusError when somebody else changed `live` since.
    """
    with in_words(f"{live} could not be put back", live.parent):
        record = _read(keep_old_as)
        if record is None:
            return
        if record.old is not None and _identity(keep_old_as) == record.old:
            if _identity(live) not in (record.new, None):
                raise MobiusError(
                    f"{live} was replaced by somebody else since", f"compare it with {keep_old_as}"
                )
            _move_companions(live, new)
            if _identity(live) is None:
                rename_exclusively(keep_old_as, live)
            elif not exchange(keep_old_as, live):
                rename_exclusively(live, new)
                rename_exclusively(keep_old_as, live)
        if record.old is None and _identity(live) == record.new:
            rename_exclusively(live, new)
        if _identity(keep_old_as) == record.new:
            rename_exclusively(keep_old_as, new)
        if _identity(new) == record.old is not None and _identity(live) == record.new:
            exchange(new, live)  # exchanged, and not moved on yet
        _move_companions(keep_old_as, live)
        record_of(keep_old_as).unlink(missing_ok=True)
        for folder in {live.parent, new.parent, keep_old_as.parent}:
            sync_folder(folder)


def observe_swap(new: Path, live: Path, keep_old_as: Path) -> SwapState:
    """Whether the swap of these three paths is done; NOT_DONE may be repeated, UNKNOWN needs a person.
    Changes nothing.
    """
    record = _read(keep_old_as)
    if record is None:
        untouched = os.path.lexists(new) and not os.path.lexists(keep_old_as)
        return SwapState.NOT_DONE if untouched else SwapState.UNKNOWN
    at_new, at_live, at_kept = _identity(new), _identity(live), _identity(keep_old_as)
    if at_new is None and at_live is not None and at_live != record.old and at_kept == record.old:
        # A service may have replaced a live file since; the swap itself was whole.
        return SwapState.NOT_DONE if any(_companions(new)) else SwapState.DONE
    known = {
        (record.new, record.old, None),  # nothing moved yet
        (record.new, None, record.old),  # between two renames, where there is no exchange
        (record.old, record.new, None),  # exchanged; the old one still has the new one's name
        (None, record.old, record.new),  # being taken back
    }
    return SwapState.NOT_DONE if (at_new, at_live, at_kept) in known else SwapState.UNKNOWN


def record_of(keep_old_as: Path) -> Path:
    """Where the record of a swap lies."""
    return keep_old_as.with_name(keep_old_as.name + ".swap.json")


def _begin(new: Path, live: Path, keep_old_as: Path) -> _Record:
    new_identity, old_identity = _identity(new), _identity(live)
    if new_identity is None:
        raise MobiusError(f"{live} was not replaced: {new} does not exist", "extract the backup again")
    if os.path.lexists(keep_old_as):
        raise MobiusError(
            f"{live} was not replaced: {keep_old_as} is in the way", "keep the old one under another name"
        )
    devices = {path.stat().st_dev for path in (live.parent, keep_old_as.parent)} | {new_identity[0]}
    if old_identity:
        devices.add(old_identity[0])
    if len(devices) > 1:
        raise MobiusError(
            f"{live} was not replaced: {new}, {live} and {keep_old_as} are not on one filesystem",
            f"extract the backup below {live.parent}",
        )
    record = _Record(new_identity, old_identity)
    place = record_of(keep_old_as)
    # One name, so that a repetition takes the place of what a kill left.
    temporary = place.with_name(f".{place.name}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(json.dumps({"new": record.new, "old": record.old, "live": str(live)}).encode())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(place)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(place.parent)
    return record


def _replace(record: _Record, new: Path, live: Path, keep_old_as: Path) -> bool:
    """Do what is still to do; old companions leave first, since a stale -wal would corrupt the new file."""
    atomic = True
    if _identity(new) is None and record.new == _identity(keep_old_as):
        rename_exclusively(keep_old_as, new)  # a taking back that was not finished
    if _identity(live) == record.old is not None:
        _move_companions(live, keep_old_as)
        atomic = exchange(new, live)
        if not atomic:
            rename_exclusively(live, keep_old_as)
    if _identity(live) is None:
        _move_companions(live, keep_old_as)  # left by a database that is gone itself
        rename_exclusively(new, live)
    if _identity(live) != record.new:
        raise MobiusError(
            f"{live} is neither the old nor the new one any more: somebody else replaced it",
            f"compare {live}, {new} and {keep_old_as}, and put the right one in place by hand",
        )
    if record.old is not None and _identity(new) == record.old:
        rename_exclusively(new, keep_old_as)
    _move_companions(new, live)
    return atomic


def _move_companions(source: Path, target: Path) -> None:
    for companion in _companions(source):
        companion.replace(f"{target}{companion.name[len(source.name) :]}")


def _companions(path: Path) -> list[Path]:
    return [place for suffix in COMPANIONS if (place := Path(f"{path}{suffix}")).is_file()]


def _identity(path: Path) -> _Identity | None:
    try:
        seen = path.lstat()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return None
        raise
    return seen.st_dev, seen.st_ino


def _read(keep_old_as: Path) -> _Record | None:
    with contextlib.suppress(FileNotFoundError):
        raw = json.loads(record_of(keep_old_as).read_bytes())
        old = tuple(raw["old"]) if raw["old"] else None
        return _Record(tuple(raw["new"]), old)
    return None

"""Putting restored content into a folder that cannot itself be renamed: a mount point, whose children change places.

Written down first, durably, is every child's identity, old and new. From that line on the exchange is decided: a
repetition after a kill finishes it, however far it was. Where a rename fails, those done are taken back. Nothing may
use the folder meanwhile; `unfinished` tells whoever wants to start something on it.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mobius.archive.durable import in_words, sync_folder
from mobius.archive.renames import exchange, rename_exclusively
from mobius.archive.sqlite_capture import COMPANIONS
from mobius.archive.swap import SwapState, record_of
from mobius.errors import MobiusError

OURS = ".mobius-"  # how names of ours begin inside of a folder of somebody else
STAYS = ("lost+found",)  # belongs to the file system, not to the data

_Identity = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Record:
    """Which child (device, inode) was which before the first rename."""

    new: Mapping[str, _Identity] = field(hash=False)
    old: Mapping[str, _Identity] = field(hash=False)
    done: bool = False


def swap_inside(new: Path, live: Path, keep_old_as: Path) -> None:
    """Put the children of `new` in the place of those of `live`, whose own go to `keep_old_as`.

    `new` and `keep_old_as` are names directly below `live` that begin with `.mobius-`; those are no content, nor is
    `lost+found`. May be repeated after a crash at any point: it finishes what was begun, and does nothing when all
    is done. Where a rename fails everything is as before, and MobiusError says why.
    """
    with in_words(f"what is in {live} could not be replaced", live):
        record = _read(keep_old_as) or _begin(new, live, keep_old_as)
        if record.done:
            return
        keep_old_as.mkdir(mode=0o700, exist_ok=True)
        try:
            _forward(record, new, live, keep_old_as)
        except OSError:
            _back(record, new, live, keep_old_as)
            _forget(keep_old_as)
            raise
        for folder in (live, keep_old_as, new):
            sync_folder(folder)
        _write(keep_old_as, _Record(record.new, record.old, done=True))
        new.rmdir()


def swap_back_inside(new: Path, live: Path, keep_old_as: Path) -> None:
    """Undo: what was live is live again, and `new` holds what it brought. May be repeated; not begun is a success."""
    with in_words(f"what is in {live} could not be put back", live):
        record = _read(keep_old_as)
        if record is None:
            return
        _write(keep_old_as, _Record(record.new, record.old))
        new.mkdir(mode=0o700, exist_ok=True)
        _back(record, new, live, keep_old_as)
        _forget(keep_old_as)
        sync_folder(live)


def observe_inside(new: Path, keep_old_as: Path) -> SwapState:
    """Whether it is done; NOT_DONE may be repeated. Changes nothing."""
    record = _read(keep_old_as)
    if record is not None:
        return SwapState.DONE if record.done else SwapState.NOT_DONE
    return SwapState.NOT_DONE if new.is_dir() else SwapState.UNKNOWN


def unfinished(live: Path) -> tuple[Path, ...]:
    """Records of exchanges in `live` that were begun and not finished: nothing should be started on such data."""
    found = []
    for place in sorted(live.glob(f"{OURS}*.swap.json")):
        try:
            done = bool(json.loads(place.read_bytes())["done"])
        except (OSError, ValueError, KeyError, TypeError):
            done = False
        if not done:
            found.append(place)
    return tuple(found)


def _begin(new: Path, live: Path, keep_old_as: Path) -> _Record:
    if not new.is_dir():
        raise MobiusError(
            f"what is in {live} was not replaced: {new} does not exist", "extract the backup again"
        )
    if any(path.parent != live or not path.name.startswith(OURS) for path in (new, keep_old_as)):
        raise MobiusError(f"{new} and {keep_old_as} are not names of ours in {live}")
    record = _Record(_children(new), _children(live))
    devices = {device for children in (record.new, record.old) for device, _ in children.values()}
    if devices - {live.stat().st_dev}:
        raise MobiusError(
            f"what is in {live} was not replaced: something below it is a mount of its own",
            "name each mount in backup.paths by itself",
        )
    _write(keep_old_as, record)
    return record


def _forward(record: _Record, new: Path, live: Path, keep: Path) -> None:
    """Companions of databases leave first: a stale -wal would corrupt the new file."""
    for name in sorted(record.old, key=lambda n: (not n.endswith(COMPANIONS), n)):
        was = record.old[name]
        if name in record.new and _is(live / name, was) and exchange(new / name, live / name):
            rename_exclusively(new / name, keep / name)
        elif _is(live / name, was):
            rename_exclusively(live / name, keep / name)
        elif _is(new / name, was):  # killed between the two
            rename_exclusively(new / name, keep / name)
    for name in sorted(record.new, key=lambda n: (n.endswith(COMPANIONS), n)):
        if _is(new / name, record.new[name]):
            rename_exclusively(new / name, live / name)


def _back(record: _Record, new: Path, live: Path, keep: Path) -> None:
    for name in sorted(record.new, key=lambda n: (not n.endswith(COMPANIONS), n)):
        if _is(live / name, record.new[name]):
            if _is(new / name, record.old.get(name)):  # exchanged, and not moved on yet
                exchange(new / name, live / name)
            else:
                rename_exclusively(live / name, new / name)
    for name in sorted(record.old, key=lambda n: (n.endswith(COMPANIONS), n)):
        if _is(keep / name, record.old[name]):
            rename_exclusively(keep / name, live / name)


def _forget(keep_old_as: Path) -> None:
    """The folder first: without its record it would be in the way of the next try."""
    with contextlib.suppress(FileNotFoundError):
        keep_old_as.rmdir()
    record_of(keep_old_as).unlink()


def _children(folder: Path) -> dict[str, _Identity]:
    found = {}
    for child in folder.iterdir():
        if (
            not child.name.startswith(OURS)
            and not child.name.startswith(f".{OURS}")
            and child.name not in STAYS
        ):
            seen = child.lstat()
            found[child.name] = (seen.st_dev, seen.st_ino)
    return found


def _is(path: Path, wanted: _Identity | None) -> bool:
    try:
        seen = path.lstat()
    except FileNotFoundError:
        return False
    return (seen.st_dev, seen.st_ino) == wanted


def _read(keep_old_as: Path) -> _Record | None:
    try:
        raw: Any = json.loads(record_of(keep_old_as).read_bytes())
    except FileNotFoundError:
        return None
    return _Record(_identities(raw["new"]), _identities(raw["old"]), bool(raw["done"]))


def _identities(raw: Mapping[str, Any]) -> dict[str, _Identity]:
    return {os.fsdecode(bytes.fromhex(name)): (int(of[0]), int(of[1])) for name, of in raw.items()}


def _write(keep_old_as: Path, record: _Record) -> None:
    place = record_of(keep_old_as)
    temporary = place.with_name(f"{place.name}.{secrets.token_hex(6)}.tmp")
    named = {
        side: {os.fsencode(name).hex(): identity for name, identity in of.items()}
        for side, of in (("new", record.new), ("old", record.old))
    }
    try:
        with temporary.open("xb") as file:
            file.write(json.dumps({**named, "done": record.done}).encode())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(place)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(place.parent)

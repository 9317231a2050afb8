"""What a tool's table says of a database, and what is still to be done by it: judged without asking anybody."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mobius.adapters.migrations.source import Change
from mobius.errors import GateFailed, MobiusError

Key = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Done:
    """One migration that a database has. `checksum` in the tool's own form, "" where the tool keeps none."""

    version: str
    name: str
    checksum: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """All of them, oldest first. `through`: everything up to this version counts as done, whether listed or not.

    `half`: why the database was left half migrated, "" when it was not; `mend` is what to do about it then.
    """

    done: tuple[Done, ...] = ()
    through: str = ""
    half: str = ""
    mend: str = ""


def read_in_order(changes: Sequence[Change], key: Key) -> tuple[Change, ...]:
    """By version; those without one come last. Raises GateFailed for two with the same."""
    versioned = sorted((each for each in changes if each.version), key=lambda each: key(each.version))
    for one, other in itertools.pairwise(versioned):
        if key(one.version) == key(other.version):
            raise GateFailed(
                f"migrations {one.path.name} and {other.path.name} have the same number",
                "give the newer one the next free number",
            )
    return (*versioned, *sorted((each for each in changes if not each.version), key=lambda each: each.name))


def still_to_do(
    changes: Sequence[Change], recorded: Recorded, key: Key, checksum: Callable[[Change], str]
) -> tuple[Change, ...]:
    """What is pending, in order. Raises GateFailed for a half migrated database, a changed file, one out of order, and
    an applied one that is gone while there are newer ones."""
    refuse_half(recorded)
    by_version = {key(each.version): each for each in recorded.done if each.version}
    repeated = {each.name: each for each in recorded.done if not each.version}
    for change in changes:
        if change.version and (done := by_version.get(key(change.version))):
            refuse_changed(change, done, checksum)
    below = key(recorded.through) if recorded.through else None
    todo = [
        each
        for each in changes
        if each.version
        and key(each.version) not in by_version
        and (below is None or key(each.version) > below)
    ]
    again = [each for each in changes if not each.version and _is_new(each, repeated, checksum)]
    # A database that is ahead of this folder is a release taken back, and has nothing to do here.
    if todo and by_version:
        _refuse_disorder(changes, todo, recorded, key)
    return (*todo, *again)


def to_take_back(
    changes: Sequence[Change],
    recorded: Recorded,
    wanted: Sequence[str],
    key: Key,
    checksum: Callable[[Change], str],
) -> tuple[Change, ...]:
    """Those of `wanted` (versions or names) that are applied, newest first. Raises MobiusError when one that stays was
    applied after them, GateFailed when one has no way down or was changed."""
    refuse_half(recorded)
    names = {key(each.version): each.name for each in changes if each.version}
    done = sorted((each for each in recorded.done if each.version), key=lambda each: key(each.version))

    def is_wanted(each: Done) -> bool:
        return bool({each.version, each.name, names.get(key(each.version), each.name)} & set(wanted))

    going = [each for each in done if is_wanted(each)]
    staying = [each for each in done if not is_wanted(each)]
    if going and staying and key(staying[-1].version) > key(going[0].version):
        raise MobiusError(
            f"migration {going[0].name} cannot be taken back: {staying[-1].name} was applied after it",
            "take back the newer one too, or restore a backup: mobius rollback --backup FILE",
        )
    files = {key(each.version): each for each in changes if each.version}
    return tuple(_with_way_down(each, files.get(key(each.version)), checksum) for each in reversed(going))


def refuse_half(recorded: Recorded) -> None:
    """Raises GateFailed for a database that was left half migrated."""
    if recorded.half:
        raise GateFailed(recorded.half, recorded.mend)


def refuse_changed(change: Change, done: Done, checksum: Callable[[Change], str]) -> None:
    """Raises GateFailed when the file is not the one that was applied."""
    found = checksum(change)
    if done.checksum and found and done.checksum != found:
        when = f" at {done.at}" if done.at else ""
        raise GateFailed(
            f"migration {change.path.name} was changed after it was applied{when}",
            "bring the applied text back, and write the change as a new migration",
            details=(f"applied {done.checksum}", f"found   {found}"),
        )


def _is_new(change: Change, repeated: dict[str, Done], checksum: Callable[[Change], str]) -> bool:
    done = repeated.get(change.name)
    return done is None or done.checksum != checksum(change)


def _refuse_disorder(changes: Sequence[Change], todo: Sequence[Change], recorded: Recorded, key: Key) -> None:
    done = sorted((each for each in recorded.done if each.version), key=lambda each: key(each.version))
    newest = done[-1]
    if key(todo[0].version) < key(newest.version):
        raise GateFailed(
            f"migration {todo[0].path.name} is out of order: {newest.name} is applied already",
            "give it a number after the newest one",
        )
    known = {key(each.version) for each in changes if each.version}
    for each in done:
        if key(each.version) not in known:
            raise GateFailed(
                f"migration {each.name} is applied, but its file is not in the folder, which has newer",
                "bring the file back (another branch may have it), then plan again",
            )


def _with_way_down(done: Done, change: Change | None, checksum: Callable[[Change], str]) -> Change:
    if change is None or not change.has_down:
        raise GateFailed(
            f"migration {done.name} has no way down",
            "take the data back by a restore: mobius rollback --backup FILE",
        )
    refuse_changed(change, done, checksum)
    return change

"""Whether a release fits the schema as it is now: by what runs did to the schema, newest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from mobius.model.proven import Fit
from mobius.model.release import tree_of


@dataclass(frozen=True, slots=True)
class Migrated:
    """A run applied these; its rehearsal had started `tried` ("" for none) on the migrated copy."""

    run_id: int
    names: tuple[str, ...]
    tried: str = ""
    works: bool = False
    why: str = ""  # it does not
    at: float = 0.0  # of the rehearsal, unix seconds


@dataclass(frozen=True, slots=True)
class TookDown:
    """A run took these back."""

    run_id: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Restored:
    """The data of a backup came back. `before`: the run before whose changes it was made, None where nobody knows."""

    run_id: int
    name: str
    before: int | None


@dataclass(frozen=True, slots=True)
class WasLive:
    """The release was live here. Not `surely` fit for it: it stood there as it came back with code alone, and no window
    accepted it."""

    run_id: int
    release_id: str
    surely: bool = True


Moment = Migrated | TookDown | Restored | WasLive


def fit_for(target_id: str, moments: Iterable[Moment]) -> Fit:
    """`moments`: newest first. A restart is the same release here: its code is the same."""
    moved: Counter[str] = Counter()
    since: tuple[str, ...] | None = None  # what had moved when it was last live
    gone: Counter[str] | None = None  # what had moved when it was live, where data of before that came back
    skipped_from: int | None = None
    for moment in moments:
        if skipped_from is not None and moment.run_id >= skipped_from:
            gone = _gone(moment, target_id, moved, gone)
            continue
        match moment:
            case WasLive() if tree_of(moment.release_id) == tree_of(target_id):
                since = _named(moved) if since is None else since
                if moment.surely:
                    break
            case Migrated() if _tried(moment, target_id) and all(moved[name] >= 0 for name in moment.names):
                if not moment.works:
                    moved.update(moment.names)
                    return Fit(_named(moved), fails=True, why=moment.why, run_id=moment.run_id)
                since = _named(moved) if since is None else since
                return Fit(since) if since else Fit(works_at=moment.at, run_id=moment.run_id)
            case Migrated():
                moved.update(moment.names)
            case TookDown():
                moved.subtract(moment.names)
            case Restored(before=None):
                moved[f"the data of {moment.name}"] += 1
                break
            case Restored():
                skipped_from = moment.before
            case WasLive():
                pass
    if since is None:
        since = _named(moved if gone is None else gone)
    return Fit(since)


def _gone(
    moment: Moment, target_id: str, moved: Counter[str], gone: Counter[str] | None
) -> Counter[str] | None:
    """What is not there any more of the schema that a release was live on, before older data came back."""
    match moment:
        case WasLive() if gone is None and tree_of(moment.release_id) == tree_of(target_id):
            return Counter(moved)
        case Migrated() if gone is not None:
            gone.subtract(moment.names)
        case TookDown() if gone is not None:
            gone.update(moment.names)
        case _:
            pass
    return gone


def _tried(moment: Migrated, target_id: str) -> bool:
    return bool(moment.tried) and tree_of(moment.tried) == tree_of(target_id)


def _named(moved: Counter[str]) -> tuple[str, ...]:
    """Oldest first; what was applied and taken back has not moved."""
    found = [(name, times) for name, times in moved.items() if times]
    return tuple(name if times > 0 else f"{name} taken back" for name, times in reversed(found))

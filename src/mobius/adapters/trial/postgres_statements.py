"""From what onlookers saw of a program's sessions to its statements, one after the other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mobius.adapters.trial.postgres_events import Event
from mobius.adapters.trial.postgres_observers import MODES, WRITING, Query, strongest
from mobius.model.trial import Locked, TrialStatement

SHOWN = 400
QUICK_S = 0.005
_HARMLESS = re.compile(
    r"\s*(select|show|set|reset|begin|start|commit|rollback|savepoint|release|discard|fetch)\b", re.I
)


@dataclass(slots=True)
class _Told:
    pid: int
    began: float
    ended: float
    text: str
    locks: dict[int, str] = field(default_factory=dict)
    rewritten: set[int] = field(default_factory=set)
    wal: int = 0
    is_told: bool = False  # by a trigger


def shown(text: str) -> str:
    """A statement on one line, shortened."""
    return " ".join(text.split())[:SHOWN]


def locked(locks: Mapping[int, str], was: Mapping[int, str]) -> tuple[Locked, ...]:
    """Those on relations that were there before: what a migration makes itself nobody waits for."""
    return tuple(Locked(was[oid], mode) for oid, mode in sorted(locks.items()) if oid in was)


def statements_of(
    events: Sequence[Event],
    queries: Sequence[Query],
    *,
    was: Mapping[int, str],
    belonging: Mapping[str, str],
    rewritten: Iterable[str],
    migration: str,
    waits: Callable[[float, float], tuple[float, float]],
) -> list[TrialStatement]:
    """What ran, in order; questions that held nobody up are left out. `was`: names by oid; `belonging`: the table of
    each index; `rewritten`: relations whose file is another at the end; `waits`: the longest that somebody could not
    read and write between two times of the server's clock."""
    told = [each for each in _merged(events, queries) if _matters(each, was)]
    rewrites = _rewrites(told, was, belonging, rewritten)
    found = []
    for each, names in zip(told, rewrites, strict=True):
        read_s, write_s = waits(each.began, each.ended)
        found.append(
            TrialStatement(
                migration,
                shown(each.text),
                max(0.0, each.ended - each.began),
                locked(each.locks, was),
                tuple(sorted(names)),
                each.wal,
                read_s,
                write_s,
            )
        )
    return found


def _merged(events: Sequence[Event], queries: Sequence[Query]) -> list[_Told]:
    """One for each statement of each session: both sides know when the server began it."""
    found: dict[tuple[int, float], _Told] = {}
    for event in events:
        key = (event.pid, round(event.began, 5))
        told = found.setdefault(key, _Told(event.pid, event.began, event.ended, event.query))
        told.ended, told.is_told = max(told.ended, event.ended), True
        _add(told.locks, event.locks)
        told.rewritten |= {event.rewritten} if event.rewritten else set()
    for query in queries:
        key = (query.pid, round(query.began, 5))
        told = found.setdefault(key, _Told(query.pid, query.began, query.ended, query.text))
        told.ended = max(told.ended, query.ended)
        told.wal = max(0, query.wal_to - query.wal_from)
        _add(told.locks, query.locks)
    return sorted(found.values(), key=lambda each: each.began)


def _add(locks: dict[int, str], more: Mapping[int, str]) -> None:
    for relation, mode in more.items():
        locks[relation] = strongest(locks.get(relation, ""), mode)


def _matters(told: _Told, was: Mapping[int, str]) -> bool:
    if told.is_told or not _HARMLESS.match(told.text):
        return True
    holds = any(oid in was and mode in WRITING for oid, mode in told.locks.items())
    return holds and told.ended - told.began >= QUICK_S


def _rewrites(
    told: Sequence[_Told], was: Mapping[int, str], belonging: Mapping[str, str], rewritten: Iterable[str]
) -> list[set[str]]:
    """A rewrite that a trigger told of is that statement's, with the indexes of the table; of the others (VACUUM FULL,
    TRUNCATE, REINDEX), it is the first's that locked the relation against everybody."""
    found = [{was[oid] for oid in each.rewritten if oid in was} for each in told]
    for name in rewritten:
        if any(name in names for names in found):
            continue
        table = belonging.get(name, name)
        at = next((at for at, names in enumerate(found) if table in names), None)
        if at is None:
            at = next((at for at, each in enumerate(told) if _keeps_out(each, was, {name, table})), None)
        if at is not None:
            found[at].add(name)
    return found


def _keeps_out(told: _Told, was: Mapping[int, str], names: set[str]) -> bool:
    return any(mode == MODES[-1] and was.get(oid) in names for oid, mode in told.locks.items())

"""Hosts that come back run what the others run, and nothing else; until then they stay out of the fleet.

What the others run is asked once, of all that take part; where they do not agree, or nobody can say where a worker
runs, nobody is put right. Hosts are put right side by side, each under the token of the run that does it, so that what
was told them before has no effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mobius.adapters.fleet.hosts import Hosts
from mobius.errors import MobiusError
from mobius.model.fleet import HostSettings
from mobius.model.settings import ProcessSettings
from mobius.rules.placing import placed

Slots = Mapping[str, Mapping[str, Any]]  # slot -> {"release": id, "processes": {name: …}}
Bring = Callable[
    [str, str, Path, Mapping[str, Sequence[ProcessSettings]]], Mapping[str, MobiusError]
]  # slot, release, its tree, processes by host; what failed


@dataclass(frozen=True, slots=True)
class _Pattern:
    """What the hosts of the fleet run: the release of each slot, the live one, and which process is on which host."""

    slots: Mapping[str, str]
    live: str
    there: Mapping[str, Slots]


class Repair:
    """`bring` starts processes on hosts; `tree_of` is where a release lies on the controller."""

    def __init__(
        self,
        hosts: Hosts,
        processes: Sequence[ProcessSettings],
        bring: Bring,
        tree_of: Callable[[str], Path],
    ) -> None:
        self._hosts = hosts
        self._processes = processes
        self._bring = bring
        self._tree_of = tree_of

    def put_right(self, names: Sequence[str]) -> tuple[str, ...]:
        """Those of these hosts that are as they should be now. A host that is not reached is none of them."""
        pattern = self._pattern() if names else None
        if pattern is None:
            return ()
        answering = list(self._hosts.ask("hello", names).answers)
        left = list(self._hosts.change("fence", answering).answers)
        seen = self._hosts.ask("hello", left)
        left = [name for name in left if name in seen.answers]
        wanted = {slot: self._wanted(slot, left, pattern) for slot in pattern.slots}
        had = {name: _slots(answer) for name, answer in seen.answers.items()}
        left = self._without_the_rest(left, had, pattern, wanted)
        for slot, release_id in pattern.slots.items():
            tree = self._tree_of(release_id)
            mine = {name: wanted[slot][name] for name in left if name in wanted[slot]}
            if mine and not tree.is_dir():
                return ()
            failed = self._bring(slot, release_id, tree, mine)
            left = [name for name in left if name not in failed]
        return tuple(left)

    def _pattern(self) -> _Pattern | None:
        """None where the hosts do not agree, or one of them does not say."""
        told = self._hosts.ask("hello")
        there = {name: _slots(answer) for name, answer in told.answers.items()}
        lives = {str(answer["state"].get("live", "")) for answer in told.answers.values()}
        slots = [_releases(one) for one in there.values()]
        webs = [
            one for one in slots if one
        ]  # a host of workers alone has nothing in a slot that is only warm
        has_others = any(process.kind != "web" for process in self._processes)
        if not webs or (told.failed and has_others) or len(lives) != 1:
            return None  # a worker may run on a host that does not say
        most = max(webs, key=len)
        agrees = all(one.items() <= most.items() for one in webs)
        return _Pattern(most, lives.pop(), there) if agrees else None

    def _wanted(
        self, slot: str, names: Sequence[str], pattern: _Pattern
    ) -> Mapping[str, tuple[ProcessSettings, ...]]:
        """What each of these hosts is to run in this slot. Workers and singletons run where the others have them; what
        nobody else has belongs to the live release."""
        elsewhere = {
            process.name: [
                other
                for slots in pattern.there.values()
                for other, one in slots.items()
                if process.name in one["processes"]
            ]
            for process in self._processes
        }
        mine = []
        for process in self._processes:
            has_it = (
                slot in elsewhere[process.name]
                if elsewhere[process.name]
                else pattern.slots[slot] == pattern.live
            )
            if process.kind == "web" or has_it:
                mine.append(process)
        present = [name for name in self._hosts.all if name in pattern.there or name in names]
        there = {
            name: tuple(slots.get(slot, {}).get("processes", {})) for name, slots in pattern.there.items()
        }
        all_placed = placed(mine, [self._hosts.all[name] for name in present], there)
        return {name: all_placed[name] for name in names if name in all_placed}

    def _without_the_rest(
        self,
        names: Sequence[str],
        had: Mapping[str, Slots],
        pattern: _Pattern,
        wanted: Mapping[str, Mapping[str, Sequence[ProcessSettings]]],
    ) -> list[str]:
        """The hosts on which nothing runs any more that should not: another release, or a worker that moved."""
        left = list(names)
        for slot in sorted({slot for slots in had.values() for slot in slots}):
            kinds = {
                name: _unwanted(had[name][slot], pattern.slots.get(slot), wanted.get(slot, {}).get(name, ()))
                for name in left
                if slot in had[name]
            }
            wrong = {name: {"kinds": found} for name, found in kinds.items() if found is not None}
            told = self._hosts.change("stop", list(wrong), each=_for_each(wrong), slot=slot)
            left = [name for name in left if name not in told.failed]
        return left


def _for_each(fields: Mapping[str, Mapping[str, Any]]) -> Callable[[HostSettings], Mapping[str, Any]]:
    return lambda host: fields[host.name]


def _unwanted(
    had: Mapping[str, Any], release_id: str | None, wanted: Sequence[ProcessSettings]
) -> list[str] | None:
    """The kinds of processes to be stopped in a slot of a host, [] for all of them, None for nothing."""
    if had["release"] != release_id:
        return []
    named = {process.name for process in wanted}
    moved = {str(one["kind"]) for name, one in had["processes"].items() if name not in named}
    return sorted(moved - {"web"}) or None


def _slots(answer: Mapping[str, Any]) -> Slots:
    return dict(answer["state"].get("slots", {}))


def _releases(slots: Slots) -> dict[str, str]:
    return {slot: str(one["release"]) for slot, one in slots.items()}

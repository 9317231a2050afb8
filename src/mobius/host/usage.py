"""Processor, memory and file descriptors of some processes and all their children, in percent of what they may use.

The supervisor notes them all along, and the window reads them again: both by this meter, so that the two compare.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from mobius.host.groups import CGROUPS, PROC, limits_of, memory_of, own_group

SIGNALS = ("cpu", "memory", "fds")
JUST_STARTED = "its processes have just started"
_SOFT = re.compile(r"^Max open files\s+(\S+)", re.MULTILINE)

# By signal: percent, or the reason there is none.
Reading = Mapping[str, float | str]


@dataclass(frozen=True, slots=True)
class _Used:
    """Processor seconds so far, bytes now, and how near the process with the most open files is to its limit, of the
    trees below these roots."""

    roots: frozenset[tuple[int, float]]
    cpu_s: float
    memory_bytes: float
    fds: float | str
    at: float


class Meter:
    """Reads the same release again and again: processor time is that since the reading before."""

    def __init__(self, cgroups: Path = CGROUPS, proc: Path = PROC) -> None:
        self._cgroups, self._proc = cgroups, proc
        self._last: _Used | None = None
        self._groups: dict[int, Path | None] = {}

    def read(self, pids: Sequence[int], monotonic: float) -> Reading:
        """What is used now; `monotonic` in seconds. Where a reason stands for one signal, the others may be there."""
        used = self._used(pids, monotonic)
        last, self._last = self._last, used
        if used is None:
            reason = "none of its processes is there" if pids else "its processes are not known"
            return dict.fromkeys(SIGNALS, reason)
        limits = limits_of(next(iter(used.roots))[0], self._cgroups, self._proc)
        memory = 100 * used.memory_bytes / limits.memory_bytes
        if last is None or last.roots != used.roots or used.at <= last.at:
            return {"cpu": JUST_STARTED, "memory": memory, "fds": used.fds}
        spent_s = max(0.0, used.cpu_s - last.cpu_s)
        cpu = 100 * spent_s / ((used.at - last.at) * limits.cpus)
        return {"cpu": cpu, "memory": memory, "fds": used.fds}

    def _used(self, pids: Sequence[int], at: float) -> _Used | None:
        """The sum over the trees; None when no root is there. A process that ends meanwhile is left out."""
        trees = _trees(pids)
        if not trees:
            return None
        roots = frozenset((root, tree[0].create_time()) for root, tree in trees.items())
        if self._last is None or roots != self._last.roots:
            # Asked once in the life of the roots: a measure that changed in between would look like a change of use.
            everyone = {process.pid for tree in trees.values() for process in tree}
            self._groups = {root: own_group(root, everyone, self._cgroups, self._proc) for root in trees}
        cpu_s, memory_bytes = 0.0, 0.0
        open_files: list[float | str] = []
        for root, tree in trees.items():
            counted, resident = 0.0, 0
            for process in tree:
                try:
                    with process.oneshot():
                        times = process.cpu_times()
                        # A child that ended is counted on in its parent's children_*: nothing is lost or doubled.
                        counted += times.user + times.system
                        counted += getattr(times, "children_user", 0.0) + getattr(
                            times, "children_system", 0.0
                        )
                        resident += process.memory_info().rss
                except (psutil.NoSuchProcess, psutil.ZombieProcess):
                    continue
                open_files.append(self._open_files(process))
            cpu_s += counted
            memory_bytes += 0.0 if self._groups.get(root) else resident
        memory_bytes += sum(memory_of(group) or 0.0 for group in {g for g in self._groups.values() if g})
        return _Used(roots, cpu_s, memory_bytes, _most(open_files), at)

    def _open_files(self, process: psutil.Process) -> float | str:
        """Open file descriptors in percent of the soft limit, or why that is not known."""
        try:
            told = _SOFT.search((self._proc / str(process.pid) / "limits").read_text())
            limit = int(told[1]) if told and told[1].isdigit() else 0
            if limit <= 0:
                return "its open files have no limit"
            return 100 * process.num_fds() / limit
        except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
            return ""
        except (psutil.AccessDenied, OSError):
            return "its open files may not be counted by this user"


def _trees(pids: Sequence[int]) -> dict[int, list[psutil.Process]]:
    """By root, the processes that are there: each in one tree only, the root first."""
    trees: dict[int, list[psutil.Process]] = {}
    seen: set[int] = set()
    for pid in pids:
        try:
            root = psutil.Process(pid)
            tree = [one for one in (root, *root.children(recursive=True)) if one.pid not in seen]
        except psutil.NoSuchProcess:
            continue
        if tree and tree[0].pid == pid:
            seen.update(one.pid for one in tree)
            trees[pid] = tree
    return trees


def _most(found: Sequence[float | str]) -> float | str:
    """The process nearest to its limit; the reason where not one could be counted."""
    values = [one for one in found if isinstance(one, float)]
    return max(values) if values else next((one for one in found if one), "none of its processes is there")

"""Control groups (v1 and v2): what processes may use at most, and what a group that is theirs alone uses."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

CGROUPS = Path("/sys/fs/cgroup")
PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Limits:
    """What the processes may use: the machine, or less where a control group says so."""

    cpus: float
    memory_bytes: float


def limits_of(pid: int, cgroups: Path = CGROUPS, proc: Path = PROC) -> Limits:
    """The machine's processors and memory, or the tightest control group's above this process."""
    cpus, memory_bytes = float(psutil.cpu_count() or 1), float(psutil.virtual_memory().total)
    for names, path in _memberships(pid, proc):
        if not names:
            for group in _upwards(cgroups, path):
                quota, period, *_ = *_words(group / "cpu.max"), None, None
                cpus = min(cpus, quota / period if quota and period else cpus)
                memory_bytes = min(memory_bytes, _number(group / "memory.max") or memory_bytes)
        if "cpu" in names:
            for group in _upwards(cgroups / "cpu", path):
                quota, period = _number(group / "cpu.cfs_quota_us"), _number(group / "cpu.cfs_period_us")
                cpus = min(cpus, quota / period if quota and period and quota > 0 else cpus)
        if "memory" in names:
            for group in _upwards(cgroups / "memory", path):
                memory_bytes = min(memory_bytes, _number(group / "memory.limit_in_bytes") or memory_bytes)
    return Limits(cpus, memory_bytes)


def own_group(pid: int, pids: Collection[int], cgroups: Path = CGROUPS, proc: Path = PROC) -> Path | None:
    """The group that accounts for this process's memory, where it has none but `pids` in it; None where others are in
    it, too, or nobody accounts."""
    for names, path in _memberships(pid, proc):
        if names and "memory" not in names:
            continue
        group = (cgroups / "memory" if names else cgroups) / path.strip("/")
        if memory_of(group) is None:
            continue
        inside = {int(one) for file in _member_files(group) for one in _text(file).split() if one.isdigit()}
        return group if pid in inside and inside <= set(pids) else None
    return None


def memory_of(group: Path) -> float | None:
    """Bytes in use, without files that are only cached and not in use; None where nobody accounts for them."""
    used = _number(group / "memory.current")
    cached = "inactive_file"
    if used is None:
        used, cached = _number(group / "memory.usage_in_bytes"), "total_inactive_file"
    if used is None:
        return None
    told = dict(line.split(" ", 1) for line in _text(group / "memory.stat").splitlines() if " " in line)
    idle = told.get(cached, "0")
    return max(0.0, used - (float(idle) if idle.isdigit() else 0.0))


def _memberships(pid: int, proc: Path) -> Iterator[tuple[list[str], str]]:
    """The controllers (none: version 2) and the group's path, of each hierarchy; nothing where there is no such
    thing, or the process is gone."""
    for line in _text(proc / str(pid) / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        yield controllers.split(",") if controllers else [], path


def _member_files(group: Path) -> Iterator[Path]:
    yield group / "cgroup.procs"
    yield from group.glob("**/*/cgroup.procs")


def _upwards(root: Path, path: str) -> Iterator[Path]:
    """The group and every one above it; inside a container only the root itself may be there."""
    group = root / path.strip("/")
    yield group
    while group != root:
        group = group.parent
        yield group


def _words(file: Path) -> list[float | None]:
    """The numbers in a file of one line; "max" is None; nothing where there is no file."""
    return [float(word) if word.isdigit() else None for word in _text(file).split()]


def _number(file: Path) -> float | None:
    words = _words(file)
    return words[0] if words else None


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:  # not Linux, gone, or not ours to read
        return ""

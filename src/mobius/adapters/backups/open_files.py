"""Who has a database of the data open, by /proc: a process that is not the service's would go on with the old one."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from mobius.archive.sqlite_capture import COMPANIONS, is_sqlite
from mobius.host.children import MARK_ROOT

PROC = Path("/proc")


def users_of(places: Collection[Path], root: Path, ours: Sequence[int]) -> tuple[str, ...]:
    """One sentence for each process that has an SQLite file below these places open. Not counted: this process,
    `ours` with all they started and all in their control groups, and what mobius started for `root`. What this
    user may not look into is not seen; without /proc nothing is."""
    wanted = tuple(os.path.realpath(place) for place in places)
    if not wanted or not PROC.is_dir():
        return ()
    known = _family({os.getpid(), *ours})
    groups = {group for pid in ours if (group := _service_group(pid))}
    users = []
    for process in psutil.process_iter(["name"]):
        if process.pid in known:
            continue
        file = next(_databases_of(process.pid, wanted), "")
        if not file or _service_group(process.pid) in groups or _is_marked(process.pid, root):
            continue
        users.append(f"process {process.pid} ({process.info['name'] or '?'}) has {file} open")
    return tuple(users)


def _databases_of(pid: int, wanted: Sequence[str]) -> Iterator[str]:
    with suppress(OSError):
        for descriptor in (PROC / str(pid) / "fd").iterdir():
            with suppress(OSError):
                file = os.fspath(descriptor.readlink())
                if any(file == place or file.startswith(f"{place}/") for place in wanted) and _is_database(
                    file
                ):
                    yield file


def _is_database(file: str) -> bool:
    for suffix in COMPANIONS:
        file = file.removesuffix(suffix)
    return Path(file).is_file() and is_sqlite(Path(file))


def _family(pids: set[int]) -> set[int]:
    """These with all that they started, and those that started this process: a shell that calls us."""
    found = set(pids)
    for pid in pids:
        with suppress(psutil.Error):
            found |= {child.pid for child in psutil.Process(pid).children(recursive=True)}
    return found


def _service_group(pid: int) -> str:
    """The control group of a unit that it is in, "" for none."""
    with suppress(OSError):
        for line in (PROC / str(pid) / "cgroup").read_text().splitlines():
            group = line.rpartition(":")[2]
            if group.endswith(".service"):
                return group
    return ""


def _is_marked(pid: int, root: Path) -> bool:
    """Whether its environment says that mobius started it for this root."""
    mark = f"{MARK_ROOT}={root.resolve()}".encode()
    with suppress(OSError):
        return mark in (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    return False

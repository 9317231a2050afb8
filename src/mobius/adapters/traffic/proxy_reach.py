"""Who may come to the sockets behind a proxy: lets its group in, and says what stands in its way."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mobius.errors import MobiusError
from mobius.host.reach import open_to_group
from mobius.model.settings import EnvironmentSettings


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who wants to come to a socket."""

    name: str
    uid: int
    gids: frozenset[int]


def let_proxy_in(settings: EnvironmentSettings) -> None:
    """Lets the group of `[traffic] group` (empty: the one that owns it) pass through `run`, now and for what is made
    there. Raises MobiusError for an unknown group, or one that is not ours to give."""
    run, group = settings.root / "run", settings.traffic.group
    try:
        open_to_group(run, _gid(group))
        door = settings.door_socket
        if door.exists() and door.stat().st_gid != run.stat().st_gid:
            os.chown(door, -1, run.stat().st_gid)
    except OSError as problem:
        raise MobiusError(
            f"{run} cannot be opened to the group {group or 'that owns it'}: {problem.strerror}",
            "a user can only give what is theirs to a group they are in: add the user of mobius to it",
        ) from problem


def _gid(group: str) -> int | None:
    if not group:
        return None
    import grp

    try:
        return grp.getgrnam(group).gr_gid
    except KeyError as problem:
        raise MobiusError(f"there is no group {group}", "correct [traffic] group in mobius.toml") from problem


def visitors(kind: str) -> tuple[Visitor, ...]:
    """Who the proxy's processes run as; empty where none is seen. A master that has workers dials nothing itself, and
    one in a container of its own is somebody else's."""
    import psutil

    running = [one for one in psutil.process_iter(["name", "ppid"]) if one.info["name"] == kind]
    masters = {one.info["ppid"] for one in running}
    found: dict[int, Visitor] = {}
    for process in running:
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid in masters or _is_elsewhere(process.pid):
                continue
            uid, gid = process.uids().effective, process.gids().effective
            found[uid] = Visitor(process.username(), uid, frozenset({gid, *_supplementary(process.pid)}))
    return tuple(found.values())


def _is_elsewhere(pid: int) -> bool:
    """Whether it sees other files than we do, as far as we may look."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/ns/mnt").readlink() != Path("/proc/self/ns/mnt").readlink()
    return False


def what_bars(visitor: Visitor, path: Path) -> str:
    """The first thing on the way to this socket that does not let them pass, in words; "" when nothing does."""
    if visitor.uid == 0:
        return ""
    for folder in _folders(path):
        try:
            if not _may(visitor, folder, stat.S_IXOTH):
                return f"{folder.resolve()} does not let {visitor.name} pass"
        except OSError as problem:
            return f"{folder}: {problem.strerror}"
    try:
        end = path.resolve()
        return "" if _may(visitor, end, stat.S_IWOTH) else f"{end} does not let {visitor.name} connect"
    except OSError as problem:
        return f"{path}: {problem.strerror}"


def what_will_bar(visitor: Visitor, settings: EnvironmentSettings) -> str:
    """The same before the first deployment: by the folders that are there, and the group that `run` will have."""
    if visitor.uid == 0:
        return ""
    there = settings.root
    while not there.exists() and there != there.parent:
        there = there.parent
    try:
        for folder in (*_folders(there), there):
            if not _may(visitor, folder, stat.S_IXOTH):
                return f"{folder.resolve()} does not let {visitor.name} pass"
        gid = _gid(settings.traffic.group)
    except OSError as problem:
        return f"{problem.filename}: {problem.strerror}"
    except MobiusError as problem:
        return problem.message
    gid = os.getgid() if gid is None else gid
    if visitor.uid == os.getuid() or gid in visitor.gids:
        return ""
    return f"{settings.root / 'run'} will be for the group {_group_name(gid)}, which {visitor.name} is not in"


def _group_name(gid: int) -> str:
    import grp

    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _folders(path: Path) -> Iterator[Path]:
    """Every folder that is passed through, also behind links, outermost first."""
    passed: list[Path] = []
    for one in (path.absolute(), path.resolve()):
        passed += [folder for folder in reversed(one.parents) if folder not in passed]
    return iter(passed)


def _may(visitor: Visitor, path: Path, right: int) -> bool:
    """`right` as of others; shifted for the group and the owner."""
    found = path.stat()
    if found.st_uid == visitor.uid:
        return bool(found.st_mode & (right << 6))
    if found.st_gid in visitor.gids:
        return bool(found.st_mode & (right << 3))
    return bool(found.st_mode & right)


def _supplementary(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("Groups:"):
                return [int(word) for word in line.split()[1:]]
    return []

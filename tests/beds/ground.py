"""The ground a bed stands on: a number of its own, and everything that carries that number, taken away again by it.

Names of links, namespaces, control groups and folders are made from the number, so that clearing needs no memory: it
is the same act at the end of a test, after its failure, and when a later bed finds that an owner is dead. A small
guard (this file, run as a program) does it at once when the test is killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .build import beds

CLAIMS = Path("/run/mobius-beds")
NUMBERS = range(1, 250)
GONE_S = 10.0


class Ground:
    """A claimed number: `mbed7` names the bridge, `10.213.7.0/24` the network, `mbed7-…` the rest."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.name = f"mbed{number}"
        self.claim = CLAIMS / str(number)

    def address(self, last: int) -> str:
        return f"10.213.{self.number}.{last}"

    @property
    def room(self) -> Path:
        """The folder of what this bed's hosts write."""
        return beds() / "run" / self.name

    def clear(self) -> None:
        """Ends every process of the bed and takes everything away that carries its number. Can be asked twice."""
        for namespace in self.namespaces():
            for pid in ip("netns", "pids", namespace).split():
                end(int(pid))
        groups = [group for root in hierarchies() for group in root.glob(f"{self.name}-*")]
        for group in groups:
            empty(group)
        for namespace in self.namespaces():
            ip("netns", "del", namespace)
        for link in self.links():
            ip("link", "del", link)
        for folder in [*self.traces(), self.room, self.claim]:
            shutil.rmtree(folder, ignore_errors=True)

    def give_back(self, owner: str) -> None:
        """Clears it, if it is still that owner's: a number is given again."""
        with claiming():
            if self.owner == owner:
                self.clear()

    @property
    def owner(self) -> str:
        """Whose it is, as `life_of` names a process; empty when nobody's."""
        try:
            return (self.claim / "owner").read_text()
        except FileNotFoundError:
            return ""

    def namespaces(self) -> list[str]:
        folder = Path("/run/netns")
        return sorted(path.name for path in folder.glob(f"{self.name}-*")) if folder.exists() else []

    def links(self) -> list[str]:
        """The machine's ends: of the hosts' links, and the bridge."""
        return sorted(
            path.name
            for path in Path("/sys/class/net").glob(f"{self.name}*")
            if path.name == self.name or path.name.startswith(f"{self.name}v")
        )

    def traces(self) -> list[Path]:
        """The folders that nspawn makes for its containers, and leaves."""
        return sorted(Path("/run/systemd/nspawn/propagate").glob(f"{self.name}-*"))

    def left(self) -> list[str]:
        """What is still there of this bed; nothing, after `clear`."""
        groups = [str(group) for root in hierarchies() for group in root.glob(f"{self.name}-*")]
        folders = [str(path) for path in (*self.traces(), self.room, self.claim) if path.exists()]
        mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if str(self.room) in line]
        return [*self.namespaces(), *self.links(), *groups, *folders, *mounts]


def claim() -> Ground:
    """Clears what dead owners left, and takes the first free number. The claim is this process's."""
    with claiming():
        for folder in list(CLAIMS.iterdir()):
            if folder.is_dir() and not is_alive(Ground(int(folder.name)).owner):
                Ground(int(folder.name)).clear()
        free = [number for number in NUMBERS if not (CLAIMS / str(number)).exists()]
        if not free:
            raise RuntimeError("no number is free for another bed")
        ground = Ground(free[0])
        ground.clear()  # of what carries its number though nobody claims it, as after a cleared /run
        ground.claim.mkdir()
        (ground.claim / "owner").write_text(life_of(os.getpid()))
        return ground


@contextmanager
def claiming() -> Iterator[None]:
    """One at a time claims or clears."""
    CLAIMS.mkdir(exist_ok=True)
    with (CLAIMS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def is_alive(owner: str) -> bool:
    return bool(owner) and owner == life_of(int(owner.split()[0]))


def life_of(pid: int) -> str:
    """`pid start-time`: names one process for ever; the pid alone is given again. `pid dead` when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return f"{pid} dead"
    return f"{pid} dead" if fields[0] == "Z" else f"{pid} {fields[19]}"


def guard(ground: Ground) -> subprocess.Popen[bytes]:
    """A process that clears the ground as soon as this one is gone, however it went. Close its stdin to ask for it."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.beds.ground", str(ground.number), ground.owner],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


def hierarchies() -> list[Path]:
    """Where control groups are made: the unified one, systemd's, and those that count memory, tasks and CPU."""
    root = Path("/sys/fs/cgroup")
    if (root / "cgroup.procs").exists():
        return [root]
    names = ("systemd", "unified", "memory", "pids", "cpu", "cpuacct")
    return [root / name for name in names if (root / name / "cgroup.procs").exists()]


def empty(group: Path) -> None:
    """Kills what is in the group and below it, waits until it is gone, and removes the groups."""
    deadline = time.monotonic() + GONE_S
    while alive := list(members(group)):
        for pid in alive:
            end(pid)
        if time.monotonic() > deadline:
            raise RuntimeError(f"{group} still holds the processes {alive} after {GONE_S:g} s of SIGKILL")
        time.sleep(0.01)
    for folder in sorted(folders(group), key=lambda path: len(path.parts), reverse=True):
        remove(folder, deadline)


def members(group: Path) -> Iterator[int]:
    """The pids in the group and below it."""
    for folder in folders(group):
        with contextlib.suppress(OSError):
            yield from (int(line) for line in (folder / "cgroup.procs").read_text().split())


def folders(group: Path) -> list[Path]:
    """The group and those below it, some of which may be gone already: systemd removes its own all the time."""
    return [Path(folder) for folder, _, _ in os.walk(group)]  # pathlib's own walk fails on what is gone


def remove(group: Path, deadline: float) -> None:
    """The kernel may still be taking leave of the last process."""
    while group.exists():
        try:
            group.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def ip(*argv: str) -> str:
    """One `ip` command; an error is not one when the thing is gone already."""
    return subprocess.run(["ip", *argv], capture_output=True, text=True).stdout


if __name__ == "__main__":
    watched = Ground(int(sys.argv[1]))
    sys.stdin.buffer.read()  # ends when the owner does
    watched.give_back(sys.argv[2])

"""Starts processes apart from us, recognises them again later, and sees them end, whether they are our
children or were a killed supervisor's."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

POLL_S = 0.05
MARK_ROOT = "MOBIUS_ROOT"
MARK_SPAWN = "MOBIUS_SPAWN"


@dataclass(frozen=True, slots=True)
class Command:
    """What is started: its whole environment, and the file its output goes to."""

    argv: tuple[str, ...]
    cwd: str
    env: Mapping[str, str]
    log: Path
    fds: tuple[int, ...] = ()


def spawn(command: Command) -> int:
    """Starts the command as leader of its own session and returns its pid. Raises OSError when it cannot.

    Its output goes straight to the log, opened for appending: no pipe of ours that could break it.
    """
    command.log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = os.open(command.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        process = subprocess.Popen(
            command.argv,
            cwd=command.cwd,
            env=dict(command.env),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=command.fds,
            start_new_session=True,
        )
    finally:
        os.close(log)
    process.returncode = 0  # we wait for the pid ourselves; Popen must neither wait nor complain
    return process.pid


def birth_of(pid: int) -> str | None:
    """When this process was started, in a form that no later process with the same pid can have, also over
    clock changes and reboots. None when there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        return f"{_boot_id()}:{stat.rpartition(b')')[2].split()[19].decode()}"
    except OSError:
        pass
    try:
        return f"{psutil.Process(pid).create_time():.3f}"
    except psutil.Error:
        return None


@cache
def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def is_alive(pid: int | None, birth: str | None) -> bool:
    """Whether the very process that had this pid and birth still runs (a zombie does not)."""
    if pid is None or birth is None or birth_of(pid) != birth:
        return False
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def find_marked(name: str, value: str) -> list[psutil.Process]:
    """The session leaders of this user whose environment says NAME=value: the processes we started ourselves,
    without what they started in turn."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.uids().real != os.getuid() or os.getsid(process.pid) != process.pid:
                continue
            if process.environ().get(name) == value and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def signal_group(leader: int, number: int) -> None:
    """Sends a signal to the whole process group; nothing when it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def group_is_gone(leader: int) -> bool:
    """Whether nothing of this process group runs any more."""
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    if not _is_zombie(leader):
        return False
    # Something answers, and it is not the leader: a zombie that nobody has reaped, or what the leader started.
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if os.getpgid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                return False
    return True


def _is_zombie(pid: int) -> bool:
    """Whether this process is gone, or as good as gone."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


def signal_number(name: str) -> int:
    """TERM or SIGTERM, as a number. Raises ValueError for a signal that does not exist."""
    full = name.upper() if name.upper().startswith("SIG") else f"SIG{name.upper()}"
    try:
        return signal.Signals[full].value
    except KeyError:
        raise ValueError(f"{name} is not a signal") from None


class Watch:
    """Calls back once when the process has ended, with its exit code (negative: the signal), or with None
    when it was not our child, so that nobody can know."""

    def __init__(self, pid: int, birth: str, ended: Callable[[int | None], None]) -> None:
        self._pid = pid
        self._birth = birth
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._fd = -1
        try:
            self._fd = os.pidfd_open(pid)
        except (AttributeError, OSError):
            self._poll()
        else:
            self._loop.add_reader(self._fd, self._see)

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _see(self) -> None:
        self.cancel()
        self._ended(_reap(self._pid))

    def _poll(self) -> None:
        code = _reap(self._pid)
        if code is not None or not is_alive(self._pid, self._birth):
            self._loop.call_soon(self._ended, code)
        else:
            self._timer = self._loop.call_later(POLL_S, self._poll)


def _reap(pid: int) -> int | None:
    try:
        done, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status) if done else None


async def end_group(leader: int, number: int, timeout_s: float) -> bool:
    """Sends the signal to the group, waits until it is gone, and kills what is left at the timeout. Whether
    that was needed. The leader must be known to be ours, and somebody else must reap it."""
    give_up_at = time.monotonic() + timeout_s
    signal_group(leader, number)
    pause_s = 0.005
    while not group_is_gone(leader):
        if time.monotonic() >= give_up_at:
            signal_group(leader, signal.SIGKILL)
            while not group_is_gone(leader):
                await asyncio.sleep(0.01)
            return True
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.1)
    return False

"""Connections that others make straight to a release's Unix socket: how many there are, and how they are cut.

A proxy that dials the socket itself sends each request on a connection of its own, so what is connected there is
in flight. The kernel says it in /proc/net/unix: an accepted connection bears the path of its listener.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

UNIX_SOCKETS = Path("/proc/net/unix")
LISTENS = 0x10000  # __SO_ACCEPTCON in the kernel's flags
CONNECTING, CONNECTED = 2, 3  # waiting to be accepted; accepted
PIDFD_GETFD = 438  # the same number on every architecture
LOOK_EVERY_S = 0.02
GONE_LOOKS = 3  # a connection that was being made at the first look is there at the next


def in_flight(path: str) -> int:
    """How many connections to this socket are open, accepted or not; 0 where the kernel does not say."""
    return sum(state in (CONNECTING, CONNECTED) and not listens for state, listens, _ in _of(path))


def is_seen(path: str) -> bool:
    """Whether the kernel shows a listener under exactly this path: only then its connections can be counted."""
    return any(listens for _, listens, _ in _of(path))


async def drain(path: str, timeout_s: float) -> dict[str, Any]:
    """Waits until nobody is connected; at the timeout cuts what is left, as far as the kernel lets us."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    quiet = 0
    while quiet < GONE_LOOKS:
        quiet = 0 if in_flight(path) else quiet + 1
        if not quiet and loop.time() - started >= timeout_s:
            break
        await asyncio.sleep(LOOK_EVERY_S)
    cut = 0 if quiet else await asyncio.to_thread(cut_all, path)
    return {"in_flight_left": in_flight(path), "cut": cut, "waited_s": loop.time() - started}


def cut_all(path: str) -> int:
    """Shuts every accepted connection down, as if both sides had closed it, and says how many those were."""
    inodes = {inode for state, listens, inode in _of(path) if state == CONNECTED and not listens}
    cut: set[int] = set()
    for process in Path("/proc").iterdir():
        if inodes <= cut:
            break
        if process.name.isdigit() and process.name != str(os.getpid()):
            cut |= _cut_in(process, inodes - cut)
    return len(cut)


def _cut_in(process: Path, inodes: set[int]) -> set[int]:
    cut = set()
    with contextlib.suppress(OSError):  # not ours to look into, or gone
        for entry in (process / "fd").iterdir():
            held = str(entry.readlink())
            inode = int(held[8:-1]) if held.startswith("socket:[") else 0
            if inode in inodes and _shut_down(int(process.name), int(entry.name), inode):
                cut.add(inode)
    return cut


def _shut_down(pid: int, number: int, inode: int) -> bool:
    """Shuts a connection of another process down; False where the number, or the pid, is another's by now. Raises
    OSError where that is not allowed."""
    held = os.pidfd_open(pid)
    try:
        call = ctypes.CDLL(None, use_errno=True).syscall
        taken = call(ctypes.c_long(PIDFD_GETFD), ctypes.c_int(held), ctypes.c_int(number), ctypes.c_uint(0))
        if taken < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(held)
    if os.fstat(taken).st_ino != inode:
        os.close(taken)
        return False
    with socket.socket(fileno=taken) as line:
        line.shutdown(socket.SHUT_RDWR)
    return True


def _of(path: str) -> Iterator[tuple[int, bool, int]]:
    """State, whether it listens, and inode of each socket that bears this path."""
    try:
        lines = UNIX_SOCKETS.read_text(errors="surrogateescape").splitlines()[1:]
    except OSError:
        return
    for line in lines:
        fields = line.split(maxsplit=7)
        if len(fields) == 8 and fields[7] == path:
            yield int(fields[5], 16), bool(int(fields[3], 16) & LISTENS), int(fields[6])

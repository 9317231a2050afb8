"""What holds for every program that we run inside: who it is, what it may take, and that it ends when we are gone."""

from __future__ import annotations

import os
import resource
import sys
import threading

import msgspec

from mobius.adapters.rehearsal.asked import As, Line


def say(line: Line) -> None:
    """One line, at once."""
    sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
    sys.stdout.buffer.flush()


def end_when_left() -> None:
    """From now on, when the input ends, whoever asked is gone, and this ends too."""
    threading.Thread(target=_read_to_the_end, daemon=True).start()


def with_no_more_than(user: As | None, memory_bytes: int) -> None:
    """The user, and the memory, that all in here is to have from now on."""
    if user is not None:
        os.setgroups(list(user.groups))
        os.setgid(user.gid)
        os.setuid(user.uid)  # with it go the last two capabilities
    if memory_bytes:
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _read_to_the_end() -> None:
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(1)

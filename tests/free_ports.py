"""Ports for servers that are started later: nobody is given one of them by chance before that.

They lie below those that the kernel gives to whoever asks for any and to whoever calls somebody, and beside those of
slots; each worker of pytest-xdist has its own, and gives each out once before it begins anew.
"""

from __future__ import annotations

import itertools
import os
import random
import socket
from collections.abc import Iterator
from contextlib import suppress

FIRST, LAST = 10_000, 20_000


def free_port(together: int = 1) -> int:
    """The first of so many, one after the other, that nobody has."""
    for first in itertools.islice(_next, 0, LAST - FIRST):
        if all(map(_is_free, range(first, first + together))):
            for _ in range(1, together):
                next(_next)
            return first
    raise AssertionError(f"no free port between {FIRST} and {LAST}")


def _in_turn() -> Iterator[int]:
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % workers
    size = (LAST - FIRST) // workers
    ours = range(FIRST + worker * size, FIRST + (worker + 1) * size - 10)
    at = random.SystemRandom().randrange(len(ours))
    return itertools.cycle([*ours[at:], *ours[:at]])


def _is_free(port: int) -> bool:
    with suppress(OSError), socket.socket() as probe:
        probe.bind(("", port))
        return True
    return False


_next = _in_turn()

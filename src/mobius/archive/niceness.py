"""Stepping back behind the service: less processor and disk for the threads of a backup, and for no others."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import sys
import threading
from collections.abc import Callable
from typing import TypeVar

from mobius.archive.durable import libc

T = TypeVar("T")

NICE = 15
_IOPRIO_SET_GET = {"x86_64": (251, 252), "aarch64": (30, 31)}
_OF_A_THREAD = 1
_IDLE = 3
_LOWEST_BEST_EFFORT = 2 << 13 | 7  # "idle" could wait for ever on a busy disk, and a deployment with it


class Interrupted(BaseException):
    """Who waited for the work was interrupted."""


def run_nicely(work: Callable[[Callable[[], None]], T]) -> T:
    """Run `work` in a thread of low priority, which the threads that it starts inherit; raises what it raises.

    Only root may raise a priority again, so it is never lowered for the thread that calls. `work` is given a function
    to call now and then: it ends the work when its caller was interrupted (Ctrl-C).
    """
    outcome: list[T] = []
    failure: list[BaseException] = []
    interrupted = threading.Event()

    def checkpoint() -> None:
        if interrupted.is_set():
            raise Interrupted

    def body() -> None:
        step_back()
        try:
            outcome.append(work(checkpoint))
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=body, name="archive-nice")
    thread.start()
    try:
        thread.join()
    except BaseException:
        interrupted.set()
        thread.join()
        raise
    if failure:
        raise failure[0]
    return outcome[0]


def step_back() -> None:
    """Lower the priority of the calling thread for processor and disk, as far as the system lets; on other systems
    than Linux a priority is that of the whole process, so there nothing is changed."""
    if not sys.platform.startswith("linux"):
        return
    me = threading.get_native_id()
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, me, max(NICE, os.getpriority(os.PRIO_PROCESS, me)))
    numbers = _IOPRIO_SET_GET.get(platform.machine())
    library = libc()
    if numbers is None or library is None:
        return
    of_me = (ctypes.c_int(_OF_A_THREAD), ctypes.c_int(0))
    if library.syscall(ctypes.c_long(numbers[1]), *of_me) >> 13 != _IDLE:
        library.syscall(ctypes.c_long(numbers[0]), *of_me, ctypes.c_int(_LOWEST_BEST_EFFORT))

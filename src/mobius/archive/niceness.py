"""Stepping back behind the service: less processor and disk for the threads of a backup, and for no others."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from mobius.archive.durable import libc

T = TypeVar("T")

NICE = 15
_IOPRIO_SET_GET = {"x86_64": (251, 252), "aarch64": (30, 31)}
_OF_A_THREAD = 1
_IDLE = 3
_LOWEST_BEST_EFFORT = 2 << 13 | 7  # "idle" could wait for ever on a busy disk, and a deployment with it


class Interrupted(BaseException):
    """Who waited for the work was interrupted."""


class Caller:
    """Who asked for the work and waits for it, as the work sees it. This one is the thread that works."""

    def checkpoint(self) -> None:
        """To be called now and then: ends the work when its caller was interrupted."""

    def tell(self, news: Callable[[], object]) -> None:
        """Let the caller run `news`; of what comes faster than that, only the last."""
        news()

    def ask(self, question: Callable[[], T]) -> T:
        """Let the caller run `question`, and wait for its answer."""
        return question()


class WaitingCaller(Caller):
    """A caller in a thread of its own: a progress that is written down durably does not hold the work up."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._news: Callable[[], object] | None = None
        self._question: Future[Any] | None = None
        self._asked: Callable[[], Any] | None = None
        self._interrupted = False
        self._ended = False

    def checkpoint(self) -> None:
        if self._interrupted:
            raise Interrupted

    def tell(self, news: Callable[[], object]) -> None:
        self.checkpoint()
        with self._changed:
            self._news = news
            self._changed.notify()

    def ask(self, question: Callable[[], T]) -> T:
        answer: Future[T] = Future()
        with self._changed:
            self.checkpoint()
            self._asked, self._question = question, answer
            self._changed.notify()
        return answer.result()

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()

    def interrupt(self) -> None:
        with self._changed:
            self._interrupted = True
            if self._question is not None and not self._question.done():
                self._question.set_exception(Interrupted())

    def serve(self) -> None:
        """Do what the work hands over until it has ended; raises what `news` raises."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ended or self._news or self._asked)
                news, asked, ended = self._news, self._asked, self._ended
                self._news = self._asked = None
            if news is not None:
                news()
            if asked is not None and self._question is not None:
                try:
                    self._question.set_result(asked())
                except Exception as error:
                    self._question.set_exception(error)
            if ended:
                return


def run_nicely(work: Callable[[Caller], T]) -> T:
    """Run `work` in a thread of low priority, which the threads that it starts inherit; raises what it raises.

    Only root may raise a priority again, so it is never lowered for the thread that calls. That one waits, and does
    what `work` hands to the Caller it is given. When it is interrupted (Ctrl-C), the work ends at its next checkpoint.
    """
    outcome: list[T] = []
    failure: list[BaseException] = []
    caller = WaitingCaller()

    def body() -> None:
        try:
            step_back()
            outcome.append(work(caller))
        except BaseException as error:
            failure.append(error)
        finally:
            caller.end()

    thread = threading.Thread(target=body, name="archive-nice")
    thread.start()
    try:
        caller.serve()
    except BaseException:
        caller.interrupt()
        raise
    finally:
        thread.join()
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

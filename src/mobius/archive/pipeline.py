"""Work done ahead by a few threads, and given back in order; never more of it at once than a fixed window."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")

MOST_THREADS = 8  # beyond that the disk is the limit, and each holds some MiB


class Pool:
    """Threads for the pieces of one archive: at most `window` pieces, of about a MiB each, wait or are worked on."""

    def __init__(self, threads: int | None = None) -> None:
        # Two more than there are processors: some always wait for the disk.
        self.threads = min(threads or _processors() + 2, MOST_THREADS)
        self.window = 2 * self.threads + 2
        self._executor = ThreadPoolExecutor(self.threads, "archive")

    def do(self, job: Callable[[], T]) -> Future[T]:
        return self._executor.submit(job)

    def in_order(self, futures: Iterable[Future[T]]) -> Generator[T, None, None]:
        """The results of `futures`, which begin as they are drawn: only so many as the window lets in.

        When the reader stops early or a job fails, what has not begun is dropped and what has is waited for.
        """
        ahead: deque[Future[T]] = deque()
        try:
            for future in futures:
                ahead.append(future)
                if len(ahead) >= self.window:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()
            wait(ahead)

    def close(self) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)


def at_hand(value: T) -> Future[T]:
    """What needs no work, in the form of work that is done."""
    future: Future[T] = Future()
    future.set_result(value)
    return future


@contextlib.contextmanager
def pool(threads: int | None = None) -> Iterator[Pool]:
    """A pool that has ended at the end, also after a failure."""
    made = Pool(threads)
    try:
        yield made
    finally:
        made.close()


def _processors() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1

"""Many films: judged in lanes beside each other, each result as it comes, whatever happens to another film."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from mobius.errors import MobiusError
from mobius.flows.media import golden_folder as store
from mobius.flows.media.gate import Film
from mobius.flows.media.golden import Ask, Wanted, check
from mobius.flows.media.golden_folder import Place
from mobius.model.verdict import Outcome

Item = TypeVar("Item")
Result = TypeVar("Result")
MOST_LANES = 512


def in_lanes(
    items: Sequence[Item], judge: Callable[[Item], Result], lanes: int
) -> Iterator[tuple[int, Result]]:
    """(number of the item, its result), as they come; each item is judged once. `judge` is called in as many threads as
    there are lanes. What it raises is raised here: a film's own troubles are a part of its result. Leaving early
    begins nothing more; what is being judged ends with whoever measures."""
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, Result | BaseException, bool]] = queue.SimpleQueue()
    is_over = threading.Event()
    for number in range(len(items)):
        waiting.put(number)

    def lane() -> None:
        while not is_over.is_set():
            try:
                number = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((number, judge(items[number]), True))
            except BaseException as problem:
                done.put((number, problem, False))

    for _ in range(min(lanes, len(items), MOST_LANES)):
        threading.Thread(target=lane, daemon=True, name="mobius-lane").start()
    try:
        for _ in items:
            number, result, is_good = done.get()
            if isinstance(result, BaseException) and not is_good:
                raise result
            yield number, result  # type: ignore[misc]
    finally:
        is_over.set()


def leave_first(ask: Ask, judged: Sequence[Film], place: Place, wanted: Wanted, *, at: str) -> Film | None:
    """Of many films against one golden, debug/ can have the pictures of one: the first that does not match. Returns it;
    None where all match, and debug/ is empty then."""
    with suppress(OSError):
        store.clear_debug(place)
    for film in judged:
        if film.differs:
            with suppress(MobiusError):
                again = check(ask, place, film.file, replace(wanted, leaves=True), at=at)
                if again.outcome is not Outcome.PASS:
                    return film
    return None

"""A check that is made again and again beside the ticks, so that a slow one never holds the probe up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from mobius.model.sample import Sample
from mobius.ports import Clock

REST = 4  # a check rests this many times as long as it took: at most a fifth of the time is spent on it


class Background:
    """Runs `check` in a thread of its own: `pause_s` after it ended, later when it took long, but never later
    than `longest_pause_s`. A check that gives None found nothing new. One run at a time; a run that never ends is told
    of at each pause, and not doubled."""

    def __init__(
        self,
        signal: str,
        check: Callable[[], Sample | None],
        clock: Clock,
        pause_s: float,
        longest_pause_s: float,
        *,
        first_at_once: bool = True,
    ) -> None:
        self._signal = signal
        self._check = check
        self._clock = clock
        self._pause_s = pause_s
        self._longest_pause_s = max(pause_s, longest_pause_s)
        self._lock = threading.Lock()
        self._found: list[Sample] = []
        self._thread: threading.Thread | None = None
        self._begun = self._told = clock.monotonic()
        self._due = self._begun if first_at_once else self._begun + pause_s

    def collect(self, now: float) -> list[Sample]:
        """Results since the last call; starts the next run when it is due. Never waits, never raises."""
        with self._lock:
            found, self._found = self._found, []
        # A result is stamped when it is collected: the ticks' own times are the ones that rise.
        samples = [replace(sample, signal=self._signal, at=now) for sample in found]
        time = self._clock.monotonic()
        if self._thread is not None and self._thread.is_alive():
            if time - self._told > self._longest_pause_s:
                self._told = time
                running = f"still running after {time - self._begun:.0f} s"
                samples.append(Sample(self._signal, now, missing=running))
        elif time >= self._due:
            samples += self._start(now, time)
        return samples

    def _start(self, now: float, time: float) -> list[Sample]:
        self._begun = self._told = time
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"mobius-{self._signal}")
        try:
            self._thread.start()
        except RuntimeError as error:  # no thread to be had on this machine
            self._thread = None
            self._due = time + self._pause_s
            return [Sample(self._signal, now, missing=str(error))]
        return []

    def _run(self) -> None:
        try:
            sample: Sample | None = self._check()
        except Exception as error:
            sample = Sample(self._signal, 0.0, missing=f"the check broke: {error!r}")
        ended = self._clock.monotonic()
        rest_s = min(max(self._pause_s, REST * (ended - self._begun)), self._longest_pause_s)
        with self._lock:
            self._found += [sample] if sample is not None else []
            self._due = ended + rest_s

"""The true peak: the largest value between the samples, too, oversampled four-fold or more (ITU-R BS.1770-5, annex 2).

Interpolated with 32 taps a phase under a Kaiser window (beta 9), which is what FFmpeg's resampler does, so that
readings agree with those of `ebur128=peak=true`. Only where the samples themselves come near the largest value so far
is anything interpolated: elsewhere it cannot be exceeded, because a phase can raise a signal by no more than the sum of
its taps.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

TAPS, BETA = 32, 9.0
BLOCK = 256  # samples looked at together
LEAST_TIMES, LEAST_RATE = (
    4,
    192_000,
)  # the standard's for 48 kHz; more for less, and never fewer: a tone of a quarter of
# the rate is read up to 3 dB too low from its samples, 0.7 dB from twice as many


def phases(times: int) -> NDArray[np.float32]:
    """The taps of each new sample between two old ones; each phase adds up to one."""
    step = np.arange(1, times)[:, None] / times
    distance = np.arange(TAPS)[None, :] - (TAPS // 2 - 1) - step
    window = np.i0(BETA * np.sqrt(np.maximum(0.0, 1 - (distance / (TAPS / 2)) ** 2))) / np.i0(BETA)
    taps = np.sinc(distance) * window
    return np.asarray(taps / taps.sum(axis=1, keepdims=True), np.float32)


class TruePeak:
    """Fed with samples channel by channel, piece by piece; `end` reads what lies behind the last one, too."""

    def __init__(self, rate: int) -> None:
        self.linear = 0.0
        self._phases = phases(max(LEAST_TIMES, -(-LEAST_RATE // rate)))
        self._gain = float(np.abs(self._phases).sum(axis=1).max())
        self._before: NDArray[np.float32] | None = None

    def add(self, samples: NDArray[np.float32]) -> None:
        """The next samples, an array of (channels, samples)."""
        if samples.size:
            self._read(samples)

    def end(self) -> float:
        """The largest absolute value of all, linear; 0 of silence."""
        if self._before is not None:
            self._read(np.zeros((self._before.shape[0], TAPS), np.float32))
        return self.linear

    def _read(self, new: NDArray[np.float32]) -> None:
        self.linear = max(self.linear, float(np.abs(new).max()))
        if self._before is None:
            self._before = np.zeros((new.shape[0], TAPS - 1), np.float32)
        whole = np.concatenate([self._before, new], axis=1)
        self._before = whole[:, -(TAPS - 1) :]
        count = whole.shape[1] - TAPS + 1
        if count <= 0:
            return
        for at in self._near_the_peak(whole, count):
            piece = whole[:, at : min(at + BLOCK, count) + TAPS - 1]
            windows = np.lib.stride_tricks.sliding_window_view(piece, TAPS, axis=1)
            between = windows.reshape(-1, TAPS) @ self._phases.T
            self.linear = max(self.linear, float(np.abs(between).max(initial=0.0)))

    def _near_the_peak(self, whole: NDArray[np.float32], count: int) -> Iterator[int]:
        """Where blocks begin that may hold more than the largest value by then, the loudest first."""
        size = np.abs(whole).max(axis=0)
        blocks = -(-count // BLOCK)
        padded = np.zeros(blocks * BLOCK + TAPS, np.float32)
        padded[: min(size.size, padded.size)] = size[: padded.size]
        inside = padded[: blocks * BLOCK].reshape(blocks, BLOCK).max(axis=1)
        after = np.append(
            padded[BLOCK : blocks * BLOCK].reshape(blocks - 1, BLOCK)[:, :TAPS].max(axis=1), 0.0
        )
        after[-1] = padded[blocks * BLOCK :].max()
        largest = np.maximum(inside, after)
        for block in np.argsort(-largest):
            if largest[block] * self._gain <= self.linear:
                return
            yield int(block) * BLOCK

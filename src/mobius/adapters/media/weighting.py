"""K-weighting (ITU-R BS.1770-5, annex 1): a shelf for the head and a high-pass, for any sample rate, run by FFmpeg."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import av
import av.error
import av.filter
import numpy as np
from numpy.typing import NDArray

# The analogue prototypes behind the standard's coefficients for 48 kHz.
SHELF_HZ, SHELF_DB, SHELF_Q, SHELF_SLOPE = (
    1681.974450955533,
    3.999843853973347,
    0.7071752369554196,
    0.4996667741545416,
)
PASS_HZ, PASS_Q = 38.13547087602444, 0.5003270373238773

Biquad = tuple[float, float, float, float, float, float]  # b0 b1 b2 a0 a1 a2


def shelf(rate: int) -> Biquad:
    """The first stage."""
    k = math.tan(math.pi * SHELF_HZ / rate)
    high = 10 ** (SHELF_DB / 20)
    band = high**SHELF_SLOPE
    a0 = 1 + k / SHELF_Q + k * k
    return (
        (high + band * k / SHELF_Q + k * k) / a0,
        2 * (k * k - high) / a0,
        (high - band * k / SHELF_Q + k * k) / a0,
        1.0,
        2 * (k * k - 1) / a0,
        (1 - k / SHELF_Q + k * k) / a0,
    )


def high_pass(rate: int) -> Biquad:
    """The second stage."""
    k = math.tan(math.pi * PASS_HZ / rate)
    a0 = 1 + k / PASS_Q + k * k
    return (1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / a0, (1 - k / PASS_Q + k * k) / a0)


class Weighting:
    """Frames of doubles go in, weighted samples come out: arrays of (channels, samples)."""

    def __init__(self, rate: int, layout: str) -> None:
        graph = av.filter.Graph()
        graph.threads = 1  # more only wait for each other: measured, three times the processor time
        last = graph.add_abuffer(sample_rate=rate, format="dblp", layout=layout)
        for stage in (shelf(rate), high_pass(rate)):
            values = ":".join(f"{name}={value!r}" for name, value in zip(NAMES, stage, strict=True))
            after = graph.add("biquad", f"{values}:precision=f64")
            last.link_to(after)
            last = after
        sink = graph.add("abuffersink")
        last.link_to(sink)
        graph.configure()
        self._graph = graph

    def add(self, frame: av.AudioFrame) -> Iterator[NDArray[Any]]:
        """What comes out for this frame."""
        self._graph.push(frame)
        return self._pulled()

    def end(self) -> Iterator[NDArray[Any]]:
        """What is left inside."""
        self._graph.push(None)
        return self._pulled()

    def _pulled(self) -> Iterator[NDArray[Any]]:
        while True:
            try:
                frame = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            assert isinstance(frame, av.AudioFrame)
            yield np.asarray(frame.to_ndarray())


NAMES = ("b0", "b1", "b2", "a0", "a1", "a2")

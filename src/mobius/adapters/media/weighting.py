"""K-weighting (ITU-R BS.1770-5, annex 1): a shelf for the head and a high-pass, for any sample rate, run by FFmpeg."""

from __future__ import annotations

import math
from collections.abc import Iterator

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

Samples = NDArray[np.float64]
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
    """Samples go in, as many come out weighted: arrays of (channels, samples).

    Each channel has a filter of its own. FFmpeg's leaves channels of a layout that it does not know as they are, which
    is every WAV file without a mask of its speakers (measured: all readings 0.69 LU too low).
    """

    def __init__(self, rate: int, channels: int) -> None:
        self._channels = [Channel(rate) for _ in range(channels)]

    def add(self, samples: Samples) -> Samples:
        """The next ones, weighted."""
        return np.stack([channel.add(one) for channel, one in zip(self._channels, samples, strict=True)])


class Channel:
    """One channel. Nothing stays inside."""

    def __init__(self, rate: int) -> None:
        graph = av.filter.Graph()
        graph.threads = 1  # more only wait for each other: measured, three times the processor time
        last = graph.add_abuffer(sample_rate=rate, format="dblp", layout="mono")
        for stage in (shelf(rate), high_pass(rate)):
            values = ":".join(f"{name}={value!r}" for name, value in zip(NAMES, stage, strict=True))
            after = graph.add("biquad", f"{values}:precision=f64")
            last.link_to(after)
            last = after
        sink = graph.add("abuffersink")
        last.link_to(sink)
        graph.configure()
        self._graph, self._rate = graph, rate

    def add(self, samples: Samples) -> Samples:
        """The next ones of this channel, weighted."""
        frame = av.AudioFrame.from_ndarray(samples[None, :], format="dblp", layout="mono")
        frame.sample_rate = self._rate
        self._graph.push(frame)
        return np.concatenate([found.reshape(-1) for found in self._pulled()])

    def _pulled(self) -> Iterator[Samples]:
        while True:
            try:
                frame = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            assert isinstance(frame, av.AudioFrame)
            yield np.asarray(frame.to_ndarray(), np.float64)


NAMES = ("b0", "b1", "b2", "a0", "a1", "a2")

"""Loudness of a file: integrated, its range, momentary and short-term maxima, and the true peak.

ITU-R BS.1770-5 for the weighting and the gates, EBU Tech 3341 for momentary (400 ms) and short-term (3 s), EBU Tech
3342 for the range. Windows move by 10 ms: the tolerance of EBU Tech 3341 for the momentary maximum cannot be kept with
the usual 100 ms. Video is not decoded.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mobius.adapters.media.opening import opened
from mobius.adapters.media.true_peak import TruePeak
from mobius.adapters.media.weighting import Weighting
from mobius.errors import GateFailed, GateUnknown, UsageError
from mobius.model.media import Loudness

if TYPE_CHECKING:
    import av

HOPS_PER_S = 100
MOMENTARY, SHORT_TERM, STEP = (
    40,
    300,
    10,
)  # hops of 10 ms: 400 ms, 3 s, and the 100 ms by which gated blocks move
OFFSET = -0.691  # dB: the constant of BS.1770
ABSOLUTE_LUFS = -70.0
SILENT_LUFS = -80.0  # quieter than the noise of a room, louder than that of 16 bits
RELATIVE_LU, RELATIVE_RANGE_LU = -10.0, -20.0
LOW, HIGH = 0.10, 0.95  # percentiles of the range
CURVE_POINTS = 2_000
TOGETHER = 16_384  # samples weighted at a time: fewer calls, and still in the processor's cache
NOTHING = Loudness(None, None, None, None, None)

# Where the speakers of a file stand that does not say so, by how many they are.
USUAL = {
    3: ("FL", "FR", "FC"),
    4: ("FL", "FR", "BL", "BR"),
    5: ("FL", "FR", "FC", "BL", "BR"),
    6: ("FL", "FR", "FC", "LFE", "BL", "BR"),
    7: ("FL", "FR", "FC", "LFE", "BC", "SL", "SR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}
UNKNOWN = "NONE"  # FFmpeg's name of a speaker that stands nobody knows where
SIDES = {"SL", "SR"}
BACKS = {"BL", "BR"}
SURROUND_GAIN = 1.41  # +1.5 dB for what comes from the side, 60 to 120 degrees off


def weights(channels: tuple[str, ...]) -> NDArray[np.float64]:
    """What each channel counts (BS.1770-5, table 4): surround more, low-frequency effects nothing.

    In a layout with sides and backs only the sides stand within 60 to 120 degrees.
    """
    has_sides = bool(SIDES & set(channels))
    loud = SIDES if has_sides else BACKS
    return np.array([0.0 if n.startswith("LFE") else SURROUND_GAIN if n in loud else 1.0 for n in channels])


def measure(path: Path, *, stream: int = 0) -> Loudness:
    """The loudness of one audio stream, the first unless said. Raises `GateFailed` where there is no audio at all,
    `GateUnknown` where it cannot be read, `UsageError` for a stream that does not exist."""
    with opened(path) as container:
        audio = container.streams.audio
        if not audio:
            raise GateFailed(f"{path.name} has no audio stream", "the sound was lost when it was rendered")
        if stream >= len(audio):
            raise UsageError(
                f"{path.name} has {len(audio)} audio stream(s), no number {stream}", "the first is number 0"
            )
        listener = Listener(path)
        for packet in container.demux(audio[stream]):
            listener.add(packet)
    return listener.end()


class Listener:
    """Measures one audio stream, packet by packet, the last of them empty. Raises what decoding raises."""

    def __init__(self, path: Path) -> None:
        self._name = path.name
        self._meter: Meter | None = None

    def add(self, packet: Any) -> None:
        """The next packet of the stream."""
        for frame in packet.decode():
            self._meter = self._meter or Meter.of(frame)
            self._meter.add(frame)

    def end(self) -> Loudness:
        """What was measured. Raises `GateUnknown` where no sound came out."""
        if self._meter is None:
            raise GateUnknown(
                f"{self._name}: no sound could be decoded", "the stream is there, but empty or broken"
            )
        return self._meter.end()


class Meter:
    """One programme, frame by frame. Kept are the energies of 10 ms each: 2.9 MB an hour."""

    def __init__(self, rate: int, layout: str, channels: tuple[str, ...]) -> None:
        import av

        self._rate = rate
        self._weights = weights(channels)
        # Packed: PyAV reads behind the planes of eight channels and more (18.1: measured, it crashes).
        self._resample = av.AudioResampler(format="dbl", layout=layout, rate=rate, frame_size=TOGETHER)
        self._filter = Weighting(rate, len(channels))
        self._peak = TruePeak(rate)
        self._hops = Hops(rate)

    @classmethod
    def of(cls, frame: av.AudioFrame) -> Meter:
        """For programmes that begin with this frame. Six channels without a layout are taken for 5.1."""
        layout = frame.layout
        names = tuple(channel.name for channel in layout.channels)
        if set(names) == {UNKNOWN}:
            names = USUAL.get(len(names), names)
        return cls(frame.sample_rate, layout.name, names)

    def add(self, frame: av.AudioFrame) -> None:
        """The next frame."""
        frame.pts = None
        for plain in self._resample.resample(frame):
            self._take(plain)

    def end(self) -> Loudness:
        """Everything that was measured."""
        for plain in self._resample.resample(None):
            self._take(plain)
        return loudness(self._hops.energies(), self._peak.end())

    def _take(self, plain: av.AudioFrame) -> None:
        packed = np.asarray(plain.to_ndarray(), np.float64)
        samples = np.ascontiguousarray(packed.reshape(-1, self._weights.size).T)
        if not np.isfinite(samples).all():
            raise GateUnknown(
                "samples of the sound are no numbers (NaN, or infinite)",
                "mend what wrote it, and render it again",
            )
        self._peak.add(samples.astype(np.float32))
        self._hops.add(self._weights @ np.square(self._filter.add(samples)))


class Hops:
    """Mean energy of each 10 ms; where that is no whole number of samples, of as many as begin in it."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._seen = 0
        self._left = np.zeros(0)
        self._done: list[NDArray[np.float64]] = []
        self._count = 0

    def add(self, energy: NDArray[np.float64]) -> None:
        """The next samples' energies, channels weighted and added."""
        there = np.concatenate([self._left, energy])
        first = self._seen
        whole = (first + there.size) * HOPS_PER_S // self._rate - self._count
        if whole > 0:
            edges = -(-np.arange(self._count, self._count + whole + 1) * self._rate // HOPS_PER_S) - first
            self._done.append(np.add.reduceat(there[: edges[-1]], edges[:-1]) / np.diff(edges))
            self._count += int(whole)
            self._seen += int(edges[-1])
            there = there[edges[-1] :]
        self._left = there

    def energies(self) -> NDArray[np.float64]:
        """All whole ones."""
        return np.concatenate(self._done) if self._done else np.zeros(0)


def loudness(energies: NDArray[np.float64], peak: float) -> Loudness:
    """The figures from energies of 10 ms each and the largest value, linear."""
    momentary, short = _moving(energies, MOMENTARY), _moving(energies, SHORT_TERM)
    return Loudness(
        integrated_lufs=_integrated(momentary[::STEP]),
        loudness_range_lu=_range(short[::STEP]),
        true_peak_dbtp=20 * math.log10(peak) if peak > 0 and math.isfinite(peak) else None,
        momentary_max_lufs=_loudest(momentary),
        short_term_max_lufs=_loudest(short),
        curve=_curve(short),
        longest_silence_s=_longest_silence(momentary),
    )


def _moving(energies: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Mean energy of every whole window of so many hops."""
    if energies.size < size:
        return np.zeros(0)
    sums = np.concatenate([[0.0], np.cumsum(energies)])
    return np.asarray(np.maximum(0.0, (sums[size:] - sums[:-size]) / size))


def _lufs(energy: float) -> float:
    return OFFSET + 10 * math.log10(energy)


def _energy(lufs: float) -> float:
    return float(10 ** ((lufs - OFFSET) / 10))


def _integrated(blocks: NDArray[np.float64]) -> float | None:
    """Gated twice: by -70 LUFS, then by 10 LU below the mean of what is left."""
    loud = blocks[blocks > _energy(ABSOLUTE_LUFS)]
    if not loud.size:
        return None
    loud = loud[loud > loud.mean() * 10 ** (RELATIVE_LU / 10)]
    return _lufs(float(loud.mean()))


def _range(blocks: NDArray[np.float64]) -> float | None:
    """From the 10th to the 95th percentile of short-term loudness, without what is 20 LU below the mean."""
    loud = blocks[blocks > _energy(ABSOLUTE_LUFS)]
    if not loud.size:
        return None
    loud = np.sort(loud[loud > loud.mean() * 10 ** (RELATIVE_RANGE_LU / 10)])
    low, high = (loud[math.floor((loud.size - 1) * part + 0.5)] for part in (LOW, HIGH))
    return _lufs(float(high)) - _lufs(float(low))


def _loudest(windows: NDArray[np.float64]) -> float | None:
    """None of silence: what is below the absolute gate is no loudness."""
    most = float(windows.max(initial=0.0))
    return _lufs(most) if most > _energy(ABSOLUTE_LUFS) else None


def _longest_silence(momentary: NDArray[np.float64]) -> float | None:
    """Seconds from the beginning of the first silent window in a row to the end of its last."""
    if not momentary.size:
        return None
    heard = np.flatnonzero(momentary > _energy(SILENT_LUFS))
    edges = np.concatenate([[-1], heard, [momentary.size]])
    windows = int(np.diff(edges).max()) - 1
    return (windows + MOMENTARY - 1) / HOPS_PER_S if windows else 0.0


def _curve(short: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    every = max(STEP, -(-short.size // CURVE_POINTS))
    ends = (SHORT_TERM + np.arange(0, short.size, every)) / HOPS_PER_S
    return tuple(
        (round(float(at), 2), round(_lufs(float(energy)), 2))
        for at, energy in zip(ends, short[::every], strict=True)
        if energy > _energy(ABSOLUTE_LUFS)
    )

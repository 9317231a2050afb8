"""What is measured of a sound. A measurement that could not be had is None, and never a number."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Loudness:
    """Loudness of a programme by ITU-R BS.1770-5, EBU Tech 3341 and 3342.

    LUFS for loudness, LU for the range, dBTP for the true peak (over all channels). None where there is no measurement:
    silence, or too short a file (0.4 s for momentary and integrated, 3 s for short-term and the range). `curve` is the
    short-term loudness over time: (seconds at the end of the three, LUFS). `longest_silence_s`: for how long in a row
    nothing was heard, not even the noise of a room (every 400 ms below -80 LUFS); 0 for never.
    """

    integrated_lufs: float | None
    loudness_range_lu: float | None
    true_peak_dbtp: float | None
    momentary_max_lufs: float | None
    short_term_max_lufs: float | None
    curve: tuple[tuple[float, float], ...] = ()
    longest_silence_s: float | None = None

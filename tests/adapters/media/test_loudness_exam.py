"""The meter against the published minimum requirements: EBU Tech 3341, Tech 3342, and ITU-R BS.1770-5."""

from __future__ import annotations

from pathlib import Path

import av
import av.error
import av.filter
import numpy as np
import pytest

from adapters.media.signals import RATE, one_after_the_other, silence, sine, stereo, write
from mobius.adapters.media.loudness import measure


def near(value: float | None, wanted: float, within: float = 0.1) -> bool:
    return value is not None and abs(value - wanted) <= within


# EBU Tech 3341, table 1: (level in dBFS, seconds) one after the other, and the integrated loudness.
INTEGRATED = {
    "1": [(-23.0, 20.0)],
    "3": [(-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0)],
    "4": [(-72.0, 10.0), (-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0), (-72.0, 10.0)],
    "5": [(-26.0, 20.0), (-20.0, 20.1), (-26.0, 20.0)],
}


@pytest.mark.parametrize("case", INTEGRATED)
def test_integrated_loudness_is_minus_23(case: str, tmp_path: Path) -> None:
    seen = measure(stereo(tmp_path / "a.wav", one_after_the_other(INTEGRATED[case])))
    assert near(seen.integrated_lufs, -23.0)


def test_a_steady_tone_has_one_loudness_in_every_mode(tmp_path: Path) -> None:
    for level in (-23.0, -33.0):
        seen = measure(stereo(tmp_path / "a.wav", sine(level, 20)))
        assert near(seen.integrated_lufs, level)
        assert near(seen.momentary_max_lufs, level)
        assert near(seen.short_term_max_lufs, level)


def test_five_channels_count_by_where_they_stand(tmp_path: Path) -> None:
    """Case 6: left and right -28, centre -24, surrounds -30 dBFS."""
    channels = [sine(level, 20) for level in (-28.0, -28.0, -24.0, -30.0, -30.0)]
    assert near(measure(write(tmp_path / "a.wav", channels)).integrated_lufs, -23.0)


def test_short_term_is_steady_over_a_pattern_of_three_seconds(tmp_path: Path) -> None:
    """Case 9."""
    seen = measure(stereo(tmp_path / "a.wav", one_after_the_other([(-20.0, 1.34), (-30.0, 1.66)] * 5)))
    assert near(seen.short_term_max_lufs, -23.0)
    assert all(near(lufs, -23.0) for _, lufs in seen.curve)


@pytest.mark.parametrize("number", range(20))
def test_the_short_term_maximum_is_found_wherever_it_begins(number: int, tmp_path: Path) -> None:
    """Case 10: three seconds of tone, 0 to 2.85 s after the beginning."""
    parts = [(None, number * 0.15), (-23.0, 3.0), (None, 1.0)]
    assert near(measure(stereo(tmp_path / "a.wav", one_after_the_other(parts))).short_term_max_lufs, -23.0)


def test_the_short_term_maximum_follows_rising_tones(tmp_path: Path) -> None:
    """Case 11: each of twenty tones is 1 dB louder than the one before; the maximum after each is its own."""
    parts: list[tuple[float | None, float]] = []
    for number in range(20):
        parts += [(None, number * 0.15), (-38.0 + number, 3.0), (None, 3.0 - number * 0.15)]
        seen = measure(stereo(tmp_path / "a.wav", one_after_the_other(parts)))
        assert near(seen.short_term_max_lufs, -38.0 + number), number


def test_momentary_is_steady_over_a_pattern_of_400_ms(tmp_path: Path) -> None:
    """Case 12."""
    seen = measure(stereo(tmp_path / "a.wav", one_after_the_other([(-20.0, 0.18), (-30.0, 0.22)] * 25)))
    assert near(seen.momentary_max_lufs, -23.0)


@pytest.mark.parametrize("number", range(20))
def test_the_momentary_maximum_is_found_wherever_it_begins(number: int, tmp_path: Path) -> None:
    """Case 13: 400 ms of tone, 0 to 380 ms after the beginning."""
    parts = [(None, number * 0.02), (-23.0, 0.4), (None, 1.0)]
    assert near(measure(stereo(tmp_path / "a.wav", one_after_the_other(parts))).momentary_max_lufs, -23.0)


def test_the_momentary_maximum_follows_rising_tones(tmp_path: Path) -> None:
    """Case 14."""
    parts: list[tuple[float | None, float]] = []
    for number in range(20):
        parts += [(None, number * 0.02), (-38.0 + number, 0.4), (None, 0.4 - number * 0.02)]
        seen = measure(stereo(tmp_path / "a.wav", one_after_the_other(parts)))
        assert near(seen.momentary_max_lufs, -38.0 + number), number


# Cases 15 to 19: part of the sample rate, phase in degrees, linear amplitude, true peak in dBTP (+0.2 / -0.4).
HALF = ((4, 0.0), (4, 45.0), (6, 60.0), (8, 67.5))
TRUE_PEAKS = [*((part, degrees, 0.5, -6.0) for part, degrees in HALF), (4, 45.0, 1.41, 3.0)]


@pytest.mark.parametrize(("part", "degrees", "amplitude", "wanted"), TRUE_PEAKS)
def test_the_true_peak_lies_between_the_samples(
    part: int, degrees: float, amplitude: float, wanted: float, tmp_path: Path
) -> None:
    times = np.arange(5 * RATE)
    tone = amplitude * np.sin(2 * np.pi * times / part + np.radians(degrees))
    ramp = np.minimum(
        1.0, np.minimum(times, times[::-1]) / 4_800
    )  # a tone that begins at once has more than its peak
    peak = measure(stereo(tmp_path / "a.wav", tone * ramp)).true_peak_dbtp
    assert peak is not None
    assert wanted - 0.4 <= peak <= wanted + 0.2


@pytest.mark.parametrize("offset", range(4))
def test_the_true_peak_of_a_single_period_is_found_at_every_offset(offset: int, tmp_path: Path) -> None:
    """Cases 20 to 23: made at four times the rate, one period of full scale in a tone of half, filtered, every fourth
    sample kept, beginning with each of the four."""
    rate = 4 * RATE
    times = np.arange(2 * rate)
    tone = 0.5 * np.sin(2 * np.pi * times / (6 * 4))
    middle = times.size // 2 // 24 * 24
    tone[middle : middle + 24] *= 2
    ramp = np.minimum(1.0, np.minimum(times, times[::-1]) / 19_200)
    spread = np.arange(-384, 385)
    low_pass = np.sinc(spread / 4) / 4 * np.kaiser(spread.size, 10)
    filtered = np.convolve(tone * ramp, low_pass / low_pass.sum(), "same")
    peak = measure(stereo(tmp_path / "a.wav", filtered[offset::4])).true_peak_dbtp
    assert peak is not None
    assert -0.4 <= peak <= 0.2


# EBU Tech 3342, table 1.
RANGES = {
    "1": ([(-20.0, 20.0), (-30.0, 20.0)], 10.0),
    "2": ([(-20.0, 20.0), (-15.0, 20.0)], 5.0),
    "3": ([(-40.0, 20.0), (-20.0, 20.0)], 20.0),
    "4": ([(-50.0, 20.0), (-35.0, 20.0), (-20.0, 20.0), (-35.0, 20.0), (-50.0, 20.0)], 15.0),
}


@pytest.mark.parametrize("case", RANGES)
def test_the_range_of_loudness(case: str, tmp_path: Path) -> None:
    parts, wanted = RANGES[case]
    seen = measure(stereo(tmp_path / "a.wav", one_after_the_other(parts)))
    assert near(seen.loudness_range_lu, wanted, 1.0)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 32_000, 44_100, 88_200, 96_000, 192_000])
def test_loudness_does_not_depend_on_the_sample_rate(rate: int, tmp_path: Path) -> None:
    seen = measure(stereo(tmp_path / "a.wav", sine(-23.0, 10, rate=rate), rate=rate))
    assert near(seen.integrated_lufs, -23.0)
    assert near(seen.momentary_max_lufs, -23.0)
    assert seen.true_peak_dbtp is not None
    assert near(seen.true_peak_dbtp, -23.0, 0.2)


def test_one_channel_alone_is_3_lu_below_the_same_on_two(tmp_path: Path) -> None:
    assert near(measure(write(tmp_path / "a.wav", [sine(-20.0, 10)])).integrated_lufs, -23.01)


CHANNELS = {"FL": 1.0, "FR": 1.0, "FC": 1.0, "LFE": 0.0, "BL": 1.41, "BR": 1.41}


@pytest.mark.parametrize("channel", CHANNELS)
def test_each_channel_of_5_1_has_its_weight(channel: str, tmp_path: Path) -> None:
    channels = [sine(-20.0, 5) if name == channel else silence(5) for name in CHANNELS]
    seen = measure(write(tmp_path / "a.wav", channels))
    weight = CHANNELS[channel]
    if not weight:
        assert seen.integrated_lufs is None
        assert near(seen.true_peak_dbtp, -20.0, 0.2)  # not heard as loudness, and still a peak
    else:
        assert near(seen.integrated_lufs, -23.01 + 10 * np.log10(weight), 0.05)


# BS.1770-5, tables 1 and 2: the coefficients for 48 kHz, as printed.
STAGES = [
    ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585)),
    ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621)),
]


def gain_db(hz: float) -> float:
    delay = np.exp(-2j * np.pi * hz / RATE)
    powers = np.array([1, delay, delay**2])
    return float(sum(20 * np.log10(abs((b @ powers) / (a @ powers))) for b, a in map(np.array, STAGES)))


@pytest.mark.parametrize("hz", [25.0, 40.0, 100.0, 500.0, 2_000.0, 4_000.0, 10_000.0, 16_000.0])
def test_k_weighting_follows_the_coefficients_of_the_standard(hz: float, tmp_path: Path) -> None:
    tone = measure(stereo(tmp_path / "a.wav", sine(-23.0, 10, hz=hz))).integrated_lufs
    assert near(tone, -23.0 - 0.691 + gain_db(hz), 0.02)


@pytest.mark.parametrize("seed", range(4))
def test_readings_agree_with_those_of_ffmpegs_filter(seed: int, tmp_path: Path) -> None:
    file = write(tmp_path / "a.wav", speech_like(seed))
    seen, theirs = measure(file), by_ffmpeg(file)
    assert near(seen.integrated_lufs, theirs["I"], 0.05)
    assert near(seen.loudness_range_lu, theirs["LRA"], 0.15)
    assert seen.true_peak_dbtp is not None
    assert abs(seen.true_peak_dbtp - 20 * np.log10(theirs["peak"])) <= 0.1


def speech_like(seed: int):
    """Bursts of dull noise at changing levels, and pauses: 20 s on two channels that differ, then a pause."""
    random = np.random.default_rng(seed)
    levels = np.repeat(10 ** (random.uniform(-35, -12, 80) / 20) * (random.random(80) > 0.2), RATE // 4)
    noise = random.standard_normal((2, levels.size))
    dull = np.stack([np.convolve(side, np.hanning(12) / 6, "same") for side in noise])
    return np.concatenate([np.clip(levels * dull, -1, 1), np.zeros((2, RATE // 5))], axis=1)


def by_ffmpeg(file: Path) -> dict[str, float]:
    graph = av.filter.Graph()
    with av.open(str(file)) as container:
        stream = container.streams.audio[0]
        source = graph.add_abuffer(template=stream)
        meter = graph.add("ebur128", "metadata=1:peak=true")
        sink = graph.add("abuffersink")
        source.link_to(meter)
        meter.link_to(sink)
        graph.configure()
        found = {"I": 0.0, "LRA": 0.0, "peak": 0.0}
        for frame in [*container.decode(stream), None]:
            graph.push(frame)
            while True:
                try:
                    told = graph.pull().metadata
                except (av.error.BlockingIOError, av.error.EOFError):
                    break
                found["I"] = float(told["lavfi.r128.I"])
                found["LRA"] = float(told["lavfi.r128.LRA"])
                peaks = [float(value) for name, value in told.items() if "true_peaks_ch" in name]
                found["peak"] = max(found["peak"], *peaks)
    return found


def test_silence_has_no_loudness_and_no_peak(tmp_path: Path) -> None:
    seen = measure(stereo(tmp_path / "a.wav", silence(5)))
    assert (seen.integrated_lufs, seen.loudness_range_lu, seen.true_peak_dbtp) == (None, None, None)
    assert (seen.momentary_max_lufs, seen.short_term_max_lufs, seen.curve) == (None, None, ())


def test_300_ms_have_a_peak_and_no_loudness(tmp_path: Path) -> None:
    seen = measure(stereo(tmp_path / "a.wav", sine(-10.0, 0.3)))
    assert (seen.integrated_lufs, seen.momentary_max_lufs, seen.short_term_max_lufs) == (None, None, None)
    assert near(seen.true_peak_dbtp, -10.0, 0.4)


def test_a_second_has_no_short_term_loudness_and_no_range(tmp_path: Path) -> None:
    seen = measure(stereo(tmp_path / "a.wav", sine(-23.0, 1.0)))
    assert near(seen.integrated_lufs, -23.0)
    assert (seen.short_term_max_lufs, seen.loudness_range_lu) == (None, None)


def test_a_click_in_the_last_hundred_milliseconds_is_a_peak(tmp_path: Path) -> None:
    tone = sine(-30.0, 5.04)
    tone[-20:-18] = [1.0, 1.0]
    peak = measure(stereo(tmp_path / "a.wav", tone)).true_peak_dbtp
    assert peak is not None
    assert peak > 2.0


def test_a_click_as_the_very_last_sample_is_read_beyond_the_end(tmp_path: Path) -> None:
    tone = silence(1.0)
    tone[-2:] = [1.0, 1.0]
    peak = measure(stereo(tmp_path / "a.wav", tone)).true_peak_dbtp
    assert peak is not None
    assert peak > 2.0


def test_more_than_full_scale_is_said_in_floats(tmp_path: Path) -> None:
    assert near(measure(stereo(tmp_path / "a.wav", sine(6.0, 2))).true_peak_dbtp, 6.0, 0.2)


def test_a_very_quiet_peak_is_no_rounded_number(tmp_path: Path) -> None:
    assert near(measure(stereo(tmp_path / "a.wav", sine(-62.0, 2))).true_peak_dbtp, -62.0, 0.1)

"""The meter on files as others write them: without a mask of speakers, many channels, high rates, broken numbers."""

from __future__ import annotations

import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from adapters.media.films import film
from adapters.media.signals import RATE, one_after_the_other, silence, sine, stereo, write
from mobius.adapters.media.jobs import JOBS
from mobius.adapters.media.loudness import measure
from mobius.adapters.media.once import looked_at
from mobius.errors import GateUnknown


def plain(path: Path, channels: list[np.ndarray], *, width: int = 2, rate: int = RATE) -> Path:
    """As Python's own module writes it: whole numbers, and nothing about speakers."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(len(channels))
        out.setsampwidth(width)
        out.setframerate(rate)
        values = np.stack(channels, axis=1).ravel()
        if width == 1:
            out.writeframes((values * 127 + 128).round().astype(np.uint8).tobytes())
        else:
            whole = (values * (2 ** (8 * width - 1) - 1)).round().astype("<i4")
            out.writeframes(whole.view(np.uint8).reshape(-1, 4)[:, :width].tobytes())
    return path


def near(value: float | None, wanted: float, within: float = 0.05) -> bool:
    return value is not None and abs(value - wanted) <= within


@pytest.mark.parametrize("width", [2, 3, 4])
@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000, 96_000])
def test_a_wav_file_that_says_nothing_of_speakers_is_weighted_as_any_other(
    width: int, rate: int, tmp_path: Path
) -> None:
    seen = measure(plain(tmp_path / "a.wav", [sine(-23.0, 3, rate=rate)] * 2, width=width, rate=rate))
    assert near(seen.integrated_lufs, -23.0, 0.1)
    assert near(seen.momentary_max_lufs, -23.0, 0.1)
    assert near(measure(plain(tmp_path / "b.wav", [sine(-20.0, 3)])).integrated_lufs, -23.0)


def test_eight_bits_are_measured_too(tmp_path: Path) -> None:
    assert near(measure(plain(tmp_path / "a.wav", [sine(-6.0, 3)] * 2, width=1)).integrated_lufs, -6.0, 0.1)


WITHOUT_MASK = {3: 3.0, 4: 2 + 2 * 1.41, 5: 3 + 2 * 1.41, 6: 3 + 2 * 1.41, 7: 4 + 2 * 1.41, 8: 5 + 2 * 1.41}


@pytest.mark.parametrize("many", WITHOUT_MASK)
def test_channels_that_nobody_placed_stand_where_they_usually_do(many: int, tmp_path: Path) -> None:
    seen = measure(plain(tmp_path / "a.wav", [sine(-30.0, 3)] * many))
    assert near(seen.integrated_lufs, -33.01 + 10 * np.log10(WITHOUT_MASK[many]))


CHANNELS = {"FL": 1.0, "FR": 1.0, "FC": 1.0, "LFE": 0.0, "BL": 1.0, "BR": 1.0, "SL": 1.41, "SR": 1.41}


@pytest.mark.parametrize("channel", CHANNELS)
def test_each_channel_of_7_1_has_its_weight(channel: str, tmp_path: Path) -> None:
    """BS.1770-5: only what comes from 60 to 120 degrees counts more; the backs of 7.1 stand further behind."""
    channels = [sine(-20.0, 2) if name == channel else silence(2) for name in CHANNELS]
    seen = measure(write(tmp_path / "a.wav", channels))
    assert near(seen.true_peak_dbtp, -20.0, 0.1)
    if weight := CHANNELS[channel]:
        assert near(seen.integrated_lufs, -23.01 + 10 * np.log10(weight))
    else:
        assert seen.integrated_lufs is None


@pytest.mark.parametrize(("mask", "weight"), [(0x2D63F, 1.0), (0x60F, 1.41)])
def test_layouts_with_heights_and_with_sides_only(mask: int, weight: float, tmp_path: Path) -> None:
    """The last channel alone: a height of 7.1.4, a side of 5.1."""
    many = mask.bit_count()
    seen = measure(write(tmp_path / "a.wav", [*[silence(2)] * (many - 1), sine(-20.0, 2)], mask=mask))
    assert near(seen.integrated_lufs, -23.01 + 10 * np.log10(weight))


def test_sixteen_channels_are_measured_and_break_nothing(tmp_path: Path) -> None:
    assert near(measure(plain(tmp_path / "a.wav", [sine(-40.0, 2)] * 16)).integrated_lufs, -40 - 3.01 + 12.04)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000, 96_000, 176_400, 192_000, 384_000])
@pytest.mark.parametrize("degrees", [0.0, 11.25, 22.5, 45.0, 70.0])
def test_the_true_peak_is_found_at_every_phase_and_rate(rate: int, degrees: float, tmp_path: Path) -> None:
    """A tone of a quarter of the rate, tolerance of EBU Tech 3341: +0.2, -0.4 dB."""
    times = np.arange(rate // 2)
    ramp = np.minimum(1.0, np.minimum(times, times[::-1]) / (rate / 10))
    tone = 0.5 * ramp * np.sin(np.pi * times / 2 + np.radians(degrees))
    peak = measure(stereo(tmp_path / "a.wav", tone, rate=rate)).true_peak_dbtp
    assert peak is not None
    assert -6.42 <= peak <= -5.82


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [0, RATE, 2 * RATE - 1])
def test_samples_that_are_no_numbers_are_no_measurement(number: float, at: int, tmp_path: Path) -> None:
    """All before the first of them would otherwise stand for the whole file."""
    tone = sine(-23.0, 2)
    tone[at] = number
    file = stereo(tmp_path / "a.wav", tone)
    with pytest.raises(GateUnknown, match="no numbers"):
        measure(file)
    told, _ = looked_at(file)
    assert told["loudness"] is None
    assert "no numbers" in told["sound_problem"]
    with pytest.raises(GateUnknown, match="no numbers"):
        JOBS["loudness"](file)


def test_the_range_takes_the_upper_of_two_when_a_percentile_lies_between(tmp_path: Path) -> None:
    """EBU Tech 3342 rounds half up. Six values, 3 s to 3.5 s: the tenth percentile lies between first and second."""
    rise = np.concatenate([sine(-30.0, 3), sine(-10.0, 0.5)])
    seen = measure(stereo(tmp_path / "a.wav", rise))
    values = [10 ** (-30 / 10) + (10 ** (-10 / 10) - 10 ** (-30 / 10)) * step / 30 for step in range(6)]
    assert near(seen.loudness_range_lu, 10 * np.log10(values[5] / values[1]), 0.1)


def test_what_a_header_promises_beyond_its_end_is_not_waited_for(tmp_path: Path) -> None:
    """A WAV file that was cut is measured as far as it goes."""
    file = plain(tmp_path / "a.wav", [sine(-23.0, 4)] * 2)
    file.write_bytes(file.read_bytes()[: RATE * 2 * 2 * 2])
    assert near(measure(file).integrated_lufs, -23.0)


def test_a_stream_without_a_size_is_measured_to_its_end(tmp_path: Path) -> None:
    """As programs write into a pipe: the sizes in the header are all ones."""
    file = plain(tmp_path / "a.wav", [sine(-23.0, 2)] * 2)
    data = bytearray(file.read_bytes())
    data[4:8] = data[40:44] = struct.pack("<I", 0xFFFFFFFF)
    file.write_bytes(data)
    assert near(measure(file).integrated_lufs, -23.0)


@pytest.mark.parametrize(
    ("codec", "name"), [("mpeg2video", "a.mpg"), ("flv", "a.flv"), ("mpeg2video", "a.ts")]
)
def test_containers_whose_endings_are_those_of_films_can_be_read(
    codec: str, name: str, tmp_path: Path
) -> None:
    file = film(tmp_path / name, seconds=1, codec=codec, options={"b": "2000000"}, audio=False)
    told, _ = looked_at(file)
    assert told["film"]["video"][0]["codec"] == codec


@pytest.mark.parametrize(
    ("parts", "longest"),
    [
        pytest.param([(-20.0, 3.0)], 0.0, id="sound all the time"),
        pytest.param(
            [(-20.0, 1.0), (None, 0.3), (-20.0, 1.0)], 0.0, id="a pause that no window is silent in"
        ),
        pytest.param([(-20.0, 1.0), (None, 1.5), (-20.0, 1.0), (None, 0.7)], 1.5, id="two pauses"),
        pytest.param([(-20.0, 1.0), (-90.0, 1.5), (-20.0, 1.0)], 1.5, id="the noise of sixteen bits"),
        pytest.param([(-20.0, 1.0), (-75.0, 1.5), (-20.0, 1.0)], 0.0, id="the noise of a room"),
        pytest.param([(None, 2.0)], 2.0, id="nothing at all"),
        pytest.param([(-20.0, 0.3)], None, id="too short to say"),
    ],
)
def test_the_longest_silence_is_measured(
    parts: list[tuple[float | None, float]], longest: float | None, tmp_path: Path
) -> None:
    found = measure(stereo(tmp_path / "a.wav", one_after_the_other(parts))).longest_silence_s
    assert found is longest if longest is None else found == pytest.approx(longest, abs=0.021)

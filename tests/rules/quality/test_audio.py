"""Loudness read from what FFmpeg prints, and judged."""

from __future__ import annotations

import pytest

from mobius.errors import GateUnknown
from mobius.model.quality import AudioGates
from mobius.model.verdict import Outcome
from mobius.rules.quality.audio import judge_audio, of_summary

RUNNING = (
    "[Parsed_ebur128_0 @ 0x55d0] t: 0.09  TARGET:-23 LUFS    M:-120.7 S:-120.7     I: -70.0 LUFS"
    "       LRA:   0.0 LU\n"
)
PEAK = "\n  True peak:\n    Peak:       {peak} dBFS\n"


def summary(integrated: str = "-16.2", spread: str = "6.0", peak: str | None = "-1.6") -> str:
    """As FFmpeg 5 to 8 print it at the end, behind the running lines."""
    text = f"{RUNNING * 3}[Parsed_ebur128_0 @ 0x55d0] Summary:\n\n"
    text += f"  Integrated loudness:\n    I:         {integrated} LUFS\n"
    text += f"    Threshold: -26.4 LUFS\n\n  Loudness range:\n    LRA:         {spread} LU\n    Threshold: -36.4 LUFS\n"
    text += "    LRA low:   -20.1 LUFS\n    LRA high:  -14.1 LUFS\n"
    return text + (PEAK.format(peak=peak) if peak is not None else "")


def outcomes(text: str) -> list[Outcome]:
    return [reading.outcome for reading in judge_audio(of_summary(text), AudioGates())]


def test_the_summary_is_read_and_not_the_running_lines() -> None:
    assert of_summary(summary()) == {
        "integrated_lufs": -16.2,
        "loudness_range_lu": 6.0,
        "true_peak_dbtp": -1.6,
    }


def test_the_last_of_several_summaries_counts() -> None:
    assert of_summary(summary("-30.0") + summary("-16.0"))["integrated_lufs"] == -16.0


def test_a_sample_peak_is_no_true_peak() -> None:
    """`peak=sample` and `peak=sample+true`: players clip what lies between the samples."""
    sample = "\n  Sample peak:\n    Peak:       -3.0 dBFS\n"
    assert of_summary(summary(peak=None) + sample)["true_peak_dbtp"] is None
    assert of_summary(summary(peak=None) + sample + PEAK.format(peak="2.0"))["true_peak_dbtp"] == 2.0


def test_line_ends_of_windows_are_read() -> None:
    assert of_summary(summary().replace("\n", "\r\n"))["true_peak_dbtp"] == -1.6


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (summary(), "PASS PASS PASS"),
        (summary("-17.0"), "PASS PASS PASS"),
        (summary("-15.0"), "PASS PASS PASS"),
        (summary("-17.1"), "FAIL PASS PASS"),
        (summary("-7.0", peak="7.2"), "FAIL PASS FAIL"),
        (summary(spread="11.0"), "PASS PASS PASS"),
        (summary(spread="11.1"), "PASS FAIL PASS"),
        (summary(peak="-1.0"), "PASS PASS PASS"),
        (summary(peak="-0.9"), "PASS PASS FAIL"),
        (summary(peak=None), "PASS PASS ERROR"),
        (summary(peak="-inf"), "PASS PASS ERROR"),
        (summary("-70.0", "0.0", "-inf"), "ERROR PASS ERROR"),
        (summary("nan"), "ERROR PASS PASS"),
    ],
)
def test_each_figure_is_judged_by_itself_and_one_that_is_missing_is_no_pass(text: str, wanted: str) -> None:
    assert " ".join(outcomes(text)) == wanted


@pytest.mark.parametrize(
    "text", ["", RUNNING * 40, "Integrated loudness: -16.0 LUFS\nTrue peak: -2 dBTP", "\x00\x01"]
)
def test_a_text_without_a_summary_is_no_measurement(text: str) -> None:
    with pytest.raises(GateUnknown, match="no summary of ebur128"):
        of_summary(text)


def test_the_sentence_says_what_was_wanted_and_the_advice_what_to_do() -> None:
    [loud, _, peak] = judge_audio(of_summary(summary("-7.0", peak=None)), AudioGates())
    assert loud.message == "integrated loudness is −7 LUFS (−16 LUFS ± 1 wanted)"
    assert peak.message == "true peak could not be read: nobody measured it, or silence"
    assert "ebur128=peak=true" in peak.advice

"""A video's container held against the gate's figures."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobius.errors import GateUnknown
from mobius.model.quality import VideoGates
from mobius.rules.quality.container import judge_container, of_ffprobe

GOOD = {
    "codec_type": "video",
    "width": 1920,
    "height": 1080,
    "avg_frame_rate": "30/1",
    "pix_fmt": "yuv420p",
    "sample_aspect_ratio": "1:1",
}


def outcomes(**changed: Any) -> str:
    film = of_ffprobe({"streams": [{"codec_type": "audio"}, {**GOOD, **changed}]})
    return " ".join(str(reading.outcome) for reading in judge_container(film, VideoGates()))


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({}, "PASS PASS PASS PASS"),
        ({"width": 1280, "height": 720}, "FAIL PASS PASS PASS"),
        ({"avg_frame_rate": "30000/1001"}, "PASS PASS PASS PASS"),
        ({"avg_frame_rate": "25/1"}, "PASS FAIL PASS PASS"),
        ({"avg_frame_rate": "0/0"}, "PASS ERROR PASS PASS"),
        ({"avg_frame_rate": None}, "PASS ERROR PASS PASS"),
        ({"pix_fmt": "yuv444p"}, "PASS PASS FAIL PASS"),
        ({"pix_fmt": 7}, "PASS PASS ERROR PASS"),
        ({"sample_aspect_ratio": "4:3"}, "PASS PASS PASS FAIL"),
        ({"sample_aspect_ratio": "2:2"}, "PASS PASS PASS PASS"),
        ({"sample_aspect_ratio": "N/A"}, "PASS PASS PASS PASS"),
        ({"sample_aspect_ratio": "1:0"}, "PASS PASS PASS ERROR"),
        ({"width": "1920"}, "ERROR PASS PASS PASS"),
        ({"width": True}, "ERROR PASS PASS PASS"),
    ],
)
def test_each_property_is_judged_by_itself(changed: dict[str, Any], wanted: str) -> None:
    assert outcomes(**changed) == wanted


def test_the_picture_on_a_cover_is_no_video() -> None:
    cover = {**GOOD, "width": 600, "disposition": {"attached_pic": 1}}
    assert of_ffprobe({"streams": [cover, GOOD]})["width"] == 1920


@pytest.mark.parametrize(
    "told", [{"streams": []}, {}, [], None, "video", {"streams": {}}, {"streams": [None, 3]}]
)
def test_a_report_without_a_video_stream_is_no_pass(told: Any) -> None:
    with pytest.raises(GateUnknown):
        of_ffprobe(told)


KEYS = st.sampled_from([*GOOD, "streams", "disposition"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner),
    max_leaves=12,
)


@given(JSON)
def test_whatever_a_report_holds_there_is_an_answer_or_a_plain_error(told: Any) -> None:
    strange = {"codec_type": "video", "width": told, "avg_frame_rate": told, "sample_aspect_ratio": told}
    for report in (told, {"streams": [told]}, {"streams": [strange]}):
        try:
            film = of_ffprobe(report)
        except GateUnknown as problem:
            assert problem.hint
        else:
            assert len(judge_container(film, VideoGates())) == 4

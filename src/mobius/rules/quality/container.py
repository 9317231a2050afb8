"""Size, frame rate, pixel format and shape of the first video stream against the guide's figures."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from mobius.errors import GateUnknown
from mobius.model.quality import Reading, VideoGates
from mobius.rules.quality.readings import near, same

RUN_AGAIN = "write it so: ffprobe -v error -print_format json -show_streams -show_format FILE > ffprobe.json"


def of_ffprobe(told: Any) -> dict[str, Any]:
    """The first video stream of an ffprobe report. Raises `GateUnknown` where there is none, or no report."""
    streams = told.get("streams") if isinstance(told, dict) else None
    if not isinstance(streams, list):
        raise GateUnknown("no streams in this report", RUN_AGAIN)
    videos = [one for one in streams if isinstance(one, dict) and one.get("codec_type") == "video"]
    films = [one for one in videos if not _is_cover(one)]
    if not films:
        raise GateUnknown(
            "no video stream in this report", f"the picture was lost when it was rendered, or {RUN_AGAIN}"
        )
    film = films[0]
    return {
        "width": film.get("width"),
        "height": film.get("height"),
        "frame_rate": film.get("avg_frame_rate"),
        "pix_fmt": film.get("pix_fmt"),
        "sar": film.get("sample_aspect_ratio"),
    }


def judge_container(film: Mapping[str, Any], gates: VideoGates) -> tuple[Reading, ...]:
    """One reading each for size, frame rate, pixel format and the shape of a pixel. `film` as `of_ffprobe` makes it."""
    wide, high = film.get("width"), film.get("height")
    size = f"{wide}x{high}" if _is_size(wide) and _is_size(high) else None
    rate = fraction_of(film.get("frame_rate"))
    again = "render it again with the settings of the gate"
    return (
        same("resolution", size, gates.resolution_exact, advice=again),
        near(
            "frame rate",
            None if rate is None else float(rate),
            gates.frame_rate,
            gates.frame_rate_tolerance,
            "fps",
            advice=again,
            why="it is not said",
        ),
        same(
            "pixel format",
            _word(film.get("pix_fmt")),
            gates.pixel_format,
            advice="many players show nothing else",
        ),
        same(
            "pixel shape",
            shape_of(film.get("sar")),
            gates.pixel_shape,
            advice="players would stretch the picture",
        ),
    )


def fraction_of(text: Any) -> Fraction | None:
    """A ratio such as "30000/1001"; None for "0/0", and for what is none."""
    try:
        return Fraction(str(text)) or None
    except (ValueError, ZeroDivisionError):
        return None


def shape_of(text: Any) -> str | None:
    """The shape of a pixel, reduced; square where a file does not say (as players do), None for what is no ratio."""
    if text in (None, "", "N/A", "0:1"):
        return "1:1"
    shape = fraction_of(str(text).replace(":", "/"))
    return f"{shape.numerator}:{shape.denominator}" if shape else None


def _is_cover(stream: Mapping[str, Any]) -> bool:
    kind = stream.get("disposition")
    return isinstance(kind, dict) and bool(kind.get("attached_pic"))


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) else None

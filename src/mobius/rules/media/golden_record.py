"""golden.json: what is written of a golden, and read back with suspicion."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from mobius.errors import GateUnknown
from mobius.model.golden import METER, VARIANTS, Golden, GoldenFrame

SCHEMA = 1
FRAME_FILE = re.compile(r"frames/frame_[0-9pe+-]+s\.mkv")
SHA256 = re.compile(r"[0-9a-f]{64}")
NUMBER: tuple[type, ...] = (int, float)
NONE: tuple[type, ...] = (type(None),)
BACK = "take golden.json back from version control, or record it anew"


def text_of(golden: Golden) -> str:
    """As it lies on the disk."""
    told = {"schema_version": SCHEMA, **asdict(golden)}
    return json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def golden_of(text: str) -> Golden:
    """The golden that a golden.json says. Raises `GateUnknown` for any other text."""
    try:
        told = json.loads(text, parse_constant=_no_number)
        if told.pop("schema_version") != SCHEMA:
            raise ValueError("another schema_version")
        frames = tuple(GoldenFrame(**row) for row in told.pop("frames"))
        golden = Golden(**told, frames=frames)
        _hold(golden)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as broken:
        raise GateUnknown(f"golden.json cannot be read: {str(broken)[:120]}", BACK) from broken
    return golden


def made(told: Mapping[str, Any], *, game: str, os: str, source: str, taken_at: str, variant: str) -> Golden:
    """The golden of a film that the job `take` has described."""
    names = GoldenFrame.__slots__
    frames = tuple(GoldenFrame(**{name: row[name] for name in names}) for row in told["frames"])
    film = told["film"]
    return Golden(
        game=game,
        os=os,
        source=source,
        source_sha256=film["sha256"],
        taken_at=taken_at,
        variant=variant,
        meter=METER,
        ffmpeg=told["ffmpeg"],
        film=film,
        sound_known=True,
        loudness=told["loudness"],
        frames=frames,
    )


def _hold(golden: Golden) -> None:
    if golden.variant not in VARIANTS:
        raise ValueError(f"SSIM {golden.variant} is unknown")
    if not golden.frames or not isinstance(golden.film["video"][0], dict):
        raise ValueError("it has no frames")
    for frame in golden.frames:
        _typed(frame)
        if not FRAME_FILE.fullmatch(frame.file) or not SHA256.fullmatch(frame.sha256):
            raise ValueError(f"{frame.file} is no frame of a golden")
    _typed(golden)
    _known_film(golden.film)
    for name, value in (golden.loudness or {}).items():
        _is(name, value, NUMBER, NONE)


def _typed(one: Golden | GoldenFrame) -> None:
    """Its words are words, its numbers are numbers."""
    kinds = {"str": (str,), "int": (int,), "float": NUMBER, "bool": (bool,)}
    for field in fields(one):
        if kind := kinds.get(str(field.type)):
            _is(field.name, getattr(one, field.name), kind)
    if isinstance(one, Golden):
        _is("film", one.film, (dict,))
        _is("loudness", one.loudness, (dict,), NONE)


def _known_film(film: Mapping[str, Any]) -> None:
    """A fact may be absent, but what is there is of its kind."""
    _is("duration_s", film.get("duration_s"), NUMBER, NONE)
    _is("others", film.get("others", []), (list,))
    for one in film.get("others", []):
        _is("others", one, (str,))
    for name in ("video", "audio"):
        _is(name, film.get(name, []), (list,))
        for stream in film.get(name, []):
            _is(name, stream, (dict,))
            _is("duration_s", stream.get("duration_s"), NUMBER, NONE)
            _is("color", stream.get("color"), (dict,), NONE)
            if name == "audio":
                stream["codec"], stream["sample_rate"], stream["layout"]


def _is(name: str, value: Any, *kinds: tuple[type, ...]) -> None:
    if type(value) not in {kind for each in kinds for kind in each}:
        raise ValueError(f"{name} is {str(value)[:40]!r}")


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")

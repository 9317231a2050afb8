"""What a page shows of a film: both pictures, the tiles, the curve; and of a broken one, why not."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np

from adapters.media.films import film
from mobius.adapters.media.goldens import take
from mobius.adapters.media.shown import shown

SHARP = {"preset": "veryfast", "g": "30", "crf": "5"}


def plate(_: int, picture: np.ndarray) -> None:
    picture[128:160, 192:240] = (20, 160, 60)


def golden_rows(file: Path, folder: Path) -> list[dict[str, object]]:
    told = take(file, times=[1.0, 9.0], into=str(folder / "frames"))
    return [{**row, "masks": []} for row in told["frames"] if "file" in row]


def test_both_pictures_and_every_tile_are_there(tmp_path: Path) -> None:
    good = film(tmp_path / "a.mp4", seconds=4, fps=10, options=SHARP)
    bad = film(tmp_path / "b.mp4", seconds=4, fps=10, options=SHARP, draw=plate)
    told = shown(bad, frames=golden_rows(good, tmp_path), folder=str(tmp_path), variant="ffmpeg-yuv-all")
    assert told["problem"] == ""
    (frame,) = told["frames"]
    assert all(base64.b64decode(frame[name])[:2] == b"\xff\xd8" for name in ("film", "golden"))
    tiles = frame["tiles"]
    means = np.array(tiles["means"])
    row, column = np.unravel_index(int(np.argmin(means)), means.shape)
    assert (tiles["rows"][row], tiles["columns"][column]) == (128, 192)
    assert len(told["curve"]) >= 2 and all(-80 < level < 0 for _, level in told["curve"])


def test_a_frame_that_is_not_there_and_a_film_without_sound_are_no_trouble(tmp_path: Path) -> None:
    silent = film(tmp_path / "a.mp4", seconds=1, fps=10, audio=False)
    told = shown(silent, frames=[{"at_s": 0.0}, {"at_s": 20.0}])
    assert [bool(frame["film"]) for frame in told["frames"]] == [True, False]
    assert (told["curve"], told["problem"]) == ([], "")


def test_ten_bits_are_shown_in_eight(tmp_path: Path) -> None:
    deep = film(tmp_path / "a.mkv", seconds=0.5, fps=10, codec="ffv1", pix_fmt="yuv420p10le", options={})
    assert shown(deep, frames=[{"at_s": 0.0}])["frames"][0]["film"]


def test_of_what_is_no_film_it_says_why_nothing_is_shown(tmp_path: Path) -> None:
    broken = tmp_path / "a.mp4"
    broken.write_bytes(b"\0" * 4096)
    told = shown(broken, frames=[{"at_s": 0.0}])
    assert told["frames"] == [] and "cannot be read as media" in told["problem"]

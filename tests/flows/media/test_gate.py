"""Every gate of a film together: what is required must answer, and nothing that is missing is a pass."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from mobius.errors import GateUnknown
from mobius.flows.media.gate import How, judge_film, quality_gates, subjects, tolerances_of_settings
from mobius.flows.media.golden import Wanted
from mobius.flows.media.golden_folder import Home, Place
from mobius.flows.media.suite import leave_first
from mobius.model.golden import METER, YUV, Golden, GoldenFrame
from mobius.model.quality import MediaSettings, QualityGates
from mobius.model.verdict import Outcome

NOW = "2026-11-22T10:00:00Z"
VIDEO = {
    "codec": "h264",
    "width": 1920,
    "height": 1080,
    "pix_fmt": "yuv420p",
    "frame_rate": "30/1",
    "sar": "1/1",
    "duration_s": 30.0,
    "is_variable": False,
    "color": {},
}
SOUND = {"codec": "aac", "sample_rate": 48_000, "layout": "stereo"}
FILM: dict[str, Any] = {
    "video": [VIDEO],
    "audio": [SOUND],
    "others": [],
    "duration_s": 30.0,
    "cut": "",
    "corrupt_frames": None,
    "decoded_frames": 0,
}
LOUDNESS = {"integrated_lufs": -16.0, "loudness_range_lu": 5.0, "true_peak_dbtp": -2.0}
TOLD: dict[str, Any] = {"film": FILM, "loudness": LOUDNESS, "sound_problem": "", "ffmpeg": "n8.1"}
FRAME = {"at_s": 5.0, "pts_s": 5.0, "decoded": 1, "corrupt": 0, "masked": 0.0, "looks": "1920x1080 yuv420p"}
ALIKE = {**FRAME, "ssim": 0.999, "tile": 0.99, "tile_at": [0, 0]}


class Meter:
    """Answers as it is told to."""

    def __init__(self, told: Mapping[str, Any] | GateUnknown = TOLD) -> None:
        self.told, self.asked = told, list[str]()

    def __call__(self, job: str, file: Path, options: Mapping[str, Any]) -> Any:
        self.asked.append(str(options.get("act", job)))
        if isinstance(self.told, GateUnknown):
            raise self.told
        return {**self.told, "frames": [ALIKE]} if options["act"] == "compare" else self.told


def how(tmp_path: Path, **media: Any) -> How:
    settings = MediaSettings(golden=tmp_path / "golden", **media)
    wanted = Wanted("linux", tolerances_of_settings(settings), leaves=False)
    return How(settings, QualityGates(), Home("linux", settings.golden, tmp_path), wanted)


def golden(tmp_path: Path, game: str, **changed: Any) -> Place:
    frame = GoldenFrame(5.0, 5.0, "frames/frame_5s.mkv", "0" * 64, "yuv420p", 8, 1920, 1080)
    made = Golden(game, "", "a.mp4", "", NOW, YUV, METER, "n8.1", FILM, True, LOUDNESS, (frame,))
    folder = tmp_path / "golden" / game
    folder.mkdir(parents=True)
    text = json.dumps({"schema_version": 1, **asdict(replace(made, **changed))})
    (folder / "golden.json").write_text(text)
    return Place(game, folder)


def bad(film: Any) -> dict[str, Outcome]:
    return {one.name: one.outcome for one in film.readings if one.outcome is not Outcome.PASS}


def test_a_film_that_is_as_it_should_be_passes_and_is_measured_once(tmp_path: Path) -> None:
    meter = Meter()
    film = judge_film(meter, Path("a.mp4"), how(tmp_path), golden(tmp_path, "sushi"), at=NOW)
    assert (bad(film), film.code, meter.asked) == ({}, 0, ["compare"])


def test_what_is_required_and_was_skipped_fails(tmp_path: Path) -> None:
    never_measured = golden(tmp_path, "old", sound_known=False, loudness=None)
    skipped = judge_film(Meter(), Path("a.mp4"), how(tmp_path), never_measured, at=NOW)
    assert (bad(skipped)["audio_lufs"], skipped.code) == (Outcome.INCONCLUSIVE, 4)
    required = how(tmp_path, required=("container", "sound", "golden"))
    failed = judge_film(Meter(), Path("a.mp4"), required, never_measured, at=NOW)
    assert (bad(failed)["audio_lufs"], failed.code) == (Outcome.FAIL, 3)
    none = judge_film(Meter(), Path("a.mp4"), required, None, at=NOW)
    assert (bad(none), none.code) == ({"golden": Outcome.FAIL}, 3)


def test_a_film_may_be_silent_only_where_no_sound_is_required(tmp_path: Path) -> None:
    silent = Meter({**TOLD, "film": {**FILM, "audio": []}, "loudness": None})
    assert bad(judge_film(silent, Path("a.mp4"), how(tmp_path), None, at=NOW)) == {"sound": Outcome.FAIL}
    quiet = judge_film(silent, Path("a.mp4"), how(tmp_path, required=("container",)), None, at=NOW)
    assert bad(quiet) == {} and not any("loud" in one.name for one in quiet.readings)


def test_a_golden_that_cannot_be_read_hides_none_of_the_other_gates(tmp_path: Path) -> None:
    place = golden(tmp_path, "sushi")
    (place.folder / "golden.json").write_text("{")
    film = judge_film(Meter(), Path("a.mp4"), how(tmp_path), place, at=NOW)
    assert (bad(film), film.code) == ({"golden": Outcome.ERROR}, 4)
    assert "resolution" in {one.name for one in film.readings}


def test_a_film_that_cannot_be_measured_is_an_error_and_never_a_pass(tmp_path: Path) -> None:
    broken = Meter(GateUnknown("a.mp4 is empty", "render it again"))
    film = judge_film(broken, Path("a.mp4"), how(tmp_path), None, at=NOW)
    assert (bad(film), film.code, film.told) == ({"film": Outcome.ERROR}, 4, {})


def test_each_golden_has_the_newest_film_of_its_name(tmp_path: Path) -> None:
    golden(tmp_path, "chess"), golden(tmp_path, "sushi")
    here = how(tmp_path, latest="out/{game}/*.mp4")
    there = {"out/chess/*.mp4": None, "out/sushi/*.mp4": Path("out/sushi/7.mp4")}
    found = quality_gates(Meter(), lambda pattern: there[pattern], here, at=NOW)
    by_group = {one.group: one.outcome for one in found}
    assert by_group == {"chess out/chess/*.mp4": Outcome.INCONCLUSIVE, "sushi 7.mp4": Outcome.PASS}


def test_no_films_are_named_and_nothing_is_asked(tmp_path: Path) -> None:
    assert quality_gates(Meter(), lambda _: Path("a.mp4"), how(tmp_path), at=NOW) == ()


@pytest.mark.parametrize(
    ("media", "why"),
    [
        ({"latest": "out/{game}.mp4"}, "there is no golden in"),
        ({"latest": "out/*.mp4", "game": "none"}, "there is no golden in"),
    ],
)
def test_goldens_that_are_meant_and_not_there_are_an_error(
    tmp_path: Path, media: dict[str, Any], why: str
) -> None:
    found = quality_gates(Meter(), lambda _: Path("a.mp4"), how(tmp_path, **media), at=NOW)
    assert [(one.name, one.outcome) for one in found] == [("golden", Outcome.ERROR)]
    assert why in found[0].message


def test_two_goldens_and_one_pattern_are_a_question(tmp_path: Path) -> None:
    golden(tmp_path, "chess"), golden(tmp_path, "sushi")
    found = quality_gates(Meter(), lambda _: Path("a.mp4"), how(tmp_path, latest="out/*.mp4"), at=NOW)
    assert [one.outcome for one in found] == [Outcome.ERROR]
    assert "which golden?" in found[0].message
    named = subjects(how(tmp_path, latest="out/*.mp4", game="sushi"))
    assert [subject.place for subject in named] == [
        Place("sushi", tmp_path / "golden" / "sushi", project=tmp_path)
    ]


def test_films_that_only_their_own_limits_fail_are_not_opened_again_for_pictures(tmp_path: Path) -> None:
    place, means = golden(tmp_path, "sushi", loudness={**LOUDNESS, "integrated_lufs": -30.0}), how(tmp_path)
    quiet = Meter({**TOLD, "loudness": {**LOUDNESS, "integrated_lufs": -30.0}})
    film = judge_film(quiet, Path("a.mp4"), means, place, at=NOW)
    assert (film.outcome, film.differs) == (Outcome.FAIL, False)
    assert leave_first(quiet, [film, film], place, means.wanted, at=NOW) is None
    assert quiet.asked == ["compare"]


def test_a_film_that_does_not_sound_like_its_golden_differs_from_it(tmp_path: Path) -> None:
    loud = Meter({**TOLD, "loudness": {**LOUDNESS, "integrated_lufs": -13.0}})
    assert judge_film(loud, Path("a.mp4"), how(tmp_path), golden(tmp_path, "sushi"), at=NOW).differs

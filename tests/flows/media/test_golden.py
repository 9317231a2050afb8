"""A film against its golden: what is good passes, what is bad does not, and nothing is measured by halves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapters.media.films import film
from mobius.adapters.media.jobs import JOBS
from mobius.errors import GateFailed, GateUnknown, UsageError
from mobius.flows.media import golden_folder as store
from mobius.flows.media.approving import approve
from mobius.flows.media.golden import Checked, Wanted, check, diff, record
from mobius.flows.media.golden_folder import Home, Place, place_for, place_of
from mobius.model.golden import Tolerances
from mobius.model.verdict import Outcome

SHARP = {"preset": "veryfast", "g": "30", "crf": "5"}
TIMES = (1.0, 2.0)
NOW = "2026-11-22T10:00:00Z"
GOOD = {"seconds": 2.5, "options": SHARP}


def ask(job: str, file: Path, options: Mapping[str, Any]) -> Any:
    """As the child does it, and through JSON."""
    return json.loads(json.dumps(JOBS[job](file, **options), allow_nan=False))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = tmp_path_factory.mktemp("project")
    good = film(project / "a.mp4", **GOOD)
    record(ask, Place("sushi", project / "golden"), good, times=TIMES, at=NOW, by="Ada")
    return project


@pytest.fixture
def place(recorded: Path, tmp_path: Path) -> Place:
    shutil.copytree(recorded / "golden", tmp_path / "golden")
    shutil.copyfile(recorded / "a.mp4", tmp_path / "a.mp4")
    return Place("sushi", tmp_path / "golden")


def held(place: Place, path: Path, **wanted: Any) -> Checked:
    return check(ask, place, path, Wanted("linux", **wanted), at=NOW)


def said(checked: Checked) -> dict[str, Outcome]:
    return {one.name: one.outcome for one in checked.readings if one.outcome is not Outcome.PASS}


def plate(number: int, picture: np.ndarray) -> None:
    picture[140:170, 20:90] = (200, 30, 30)


def outline(number: int, picture: np.ndarray) -> None:
    picture[100:112, 200:230] //= 2


def test_the_film_of_the_golden_passes_in_everything(place: Place, tmp_path: Path) -> None:
    checked = held(place, tmp_path / "a.mp4")
    assert checked.outcome is Outcome.PASS
    assert {one.value for one in checked.readings if one.name.startswith("frame_")} == {1.0}
    assert not place.debug.exists()


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"options": {**SHARP, "preset": "medium"}}, id="another preset"),
        pytest.param({"gain_db": 0.5}, id="half a decibel louder"),
        pytest.param({"container": {"movflags": "faststart"}}, id="its header in front"),
    ],
)
def test_what_looks_and_sounds_the_same_passes(place: Place, tmp_path: Path, changed: dict[str, Any]) -> None:
    assert said(held(place, film(tmp_path / "b.mp4", **{**GOOD, **changed}))) == {}


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        pytest.param({"options": {**SHARP, "crf": "30"}}, "frame_1s", id="strongly compressed"),
        pytest.param({"draw": plate}, "frame_1s", id="a wrong plate"),
        pytest.param({"draw": outline}, "frame_1s_tile", id="a wrong outline"),
        pytest.param({"late": 1}, "frame_2s", id="one frame late"),
        pytest.param({"audio": False}, "audio_lufs", id="sound lost"),
        pytest.param({"audio_seconds": 1.5}, "audio_duration", id="sound that ends early"),
        pytest.param({"audio_gap": (0.8, 1.9)}, "audio_silence", id="sound that drops out for a second"),
        pytest.param({"gain_db": 9.0}, "audio_lufs", id="nine decibels louder"),
        pytest.param({"gain_db": 9.0}, "audio_peak", id="nine decibels louder, by its peak"),
        pytest.param({"size": (160, 90)}, "container_resolution", id="half the size"),
        pytest.param({"size": (160, 90)}, "frame_1s", id="half the size, not scaled to compare"),
        pytest.param({"pix_fmt": "yuv422p"}, "container_pix_fmt", id="another pixel format"),
        pytest.param({"codec": "mpeg4", "options": {"q": "1"}}, "container_codec", id="another codec"),
        pytest.param({"fps": 25}, "container_avg_frame_rate", id="25 fps"),
        pytest.param({"seconds": 1.5}, "frame_2s", id="too short"),
        pytest.param({"seconds": 3.0}, "container_duration", id="too long"),
        pytest.param({"colours": {"colorspace": 9}}, "container_color", id="other colour tags"),
    ],
)
def test_what_is_wrong_fails_by_its_own_name(
    place: Place, tmp_path: Path, changed: dict[str, Any], named: str
) -> None:
    bad = film(tmp_path / "b.mp4", **{**GOOD, **changed})
    assert said(held(place, bad)).get(named) is Outcome.FAIL


def test_a_film_that_was_cut_fails_and_one_that_is_no_film_is_not_measured(
    place: Place, tmp_path: Path
) -> None:
    cut = film(tmp_path / "b.mp4", **GOOD, container={"movflags": "faststart"})
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size * 6 // 10])
    checked = held(place, cut)
    assert said(checked)["container_complete"] is Outcome.FAIL
    assert not (place.debug / "candidate.json").exists()
    cut.write_bytes(b"\x00" * 5000)
    with pytest.raises(GateUnknown, match=r"b\.mp4 cannot be read as media"):
        held(place, cut)


def test_flipped_bytes_in_what_is_compared_fail(place: Place, tmp_path: Path) -> None:
    broken = bytearray((tmp_path / "a.mp4").read_bytes())
    for at in range(len(broken) // 3, len(broken) * 2 // 3, 97):
        broken[at] ^= 0x5A
    (tmp_path / "b.mp4").write_bytes(bytes(broken))
    assert held(place, tmp_path / "b.mp4").outcome is Outcome.FAIL


def test_a_silent_film_and_a_film_without_sound_are_told_apart(tmp_path: Path) -> None:
    quiet = film(tmp_path / "a.mp4", **GOOD, gain_db=-200.0)
    place = Place("quiet", tmp_path / "quiet")
    record(ask, place, quiet, times=TIMES, at=NOW, by="Ada")
    assert said(held(place, quiet)) == {}
    without = held(place, film(tmp_path / "b.mp4", **GOOD, audio=False))
    assert said(without) == {"container_streams": Outcome.FAIL}
    assert said(held(place, film(tmp_path / "c.mp4", **GOOD)))["audio_lufs"] is Outcome.FAIL


def test_ten_bits_and_their_colours_are_compared_as_they_are(tmp_path: Path) -> None:
    hdr = {"colorspace": 9, "color_primaries": 9, "color_trc": 16, "color_range": 1}
    made = {"seconds": 1.5, "options": SHARP, "pix_fmt": "yuv420p10le", "audio": False}
    place = Place("hdr", tmp_path / "hdr")
    first = record(ask, place, film(tmp_path / "a.mp4", **made, colours=hdr), times=(1.0,), at=NOW, by="Ada")
    assert (first.frames[0].pix_fmt, first.frames[0].bits) == ("yuv420p10le", 10)
    assert said(held(place, tmp_path / "a.mp4")) == {}
    hlg = film(tmp_path / "b.mp4", **made, colours={**hdr, "color_trc": 18})
    assert said(held(place, hlg)) == {"container_color": Outcome.FAIL}
    eight = film(tmp_path / "c.mp4", **{**made, "pix_fmt": "yuv420p"}, colours=hdr)
    assert said(held(place, eight)) == {"container_pix_fmt": Outcome.FAIL, "frame_1s": Outcome.FAIL}


def test_a_masked_part_may_differ_and_its_share_is_told(place: Place, tmp_path: Path) -> None:
    mask = {"shape": "rect", "x": 16, "y": 132, "width": 80, "height": 44, "frames": [1], "os": ["linux"]}
    (place.folder / "masks.json").write_text(json.dumps({"masks": [mask]}))
    checked = held(place, film(tmp_path / "b.mp4", **GOOD, draw=plate))
    found = {one.name: one for one in checked.readings}
    assert found["frame_1s"].outcome is Outcome.PASS
    assert found["frame_1s"].message.endswith(", 6.1% masked")
    assert found["frame_1s_tile"].outcome is Outcome.PASS
    assert found["frame_2s"].outcome is Outcome.FAIL
    mask |= {"width": 320, "height": 100, "x": 0, "y": 0}
    (place.folder / "masks.json").write_text(json.dumps({"masks": [mask]}))
    with pytest.raises(UsageError, match="masks cover"):
        held(place, tmp_path / "a.mp4")


def test_a_golden_of_another_variant_meter_or_ffmpeg_is_not_compared(place: Place, tmp_path: Path) -> None:
    film_ = tmp_path / "a.mp4"
    with pytest.raises(UsageError, match="recorded for SSIM ffmpeg-yuv-all, not legacy-rgb"):
        held(place, film_, variant="legacy-rgb")
    record_ = place.folder / "golden.json"
    told = json.loads(record_.read_text())
    record_.write_text(json.dumps({**told, "ffmpeg": "5.1.9"}))
    with pytest.raises(UsageError, match=r"measured with FFmpeg 5\.1\.9, here is"):
        held(place, film_)
    assert said(held(place, film_, across=True)) == {
        "golden_approved": Outcome.FAIL
    }  # it was changed by hand
    record_.write_text(json.dumps({**told, "meter": "0"}))
    with pytest.raises(UsageError, match="measured by meter 0"):
        held(place, film_)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema_version": 1, "frames": []}', "[" * 50_000])
def test_a_golden_that_cannot_be_read_is_not_measured(place: Place, tmp_path: Path, text: str) -> None:
    (place.folder / "golden.json").write_text(text)
    with pytest.raises(GateUnknown, match=r"golden\.json cannot be read"):
        held(place, tmp_path / "a.mp4")


MALFORMED: list[tuple[tuple[str | int, ...], Any]] = [
    (("loudness", "integrated_lufs"), "loud"),
    (("loudness", "integrated_lufs"), float("nan")),
    (("loudness",), [1]),
    (("film",), "a film"),
    (("film", "audio"), "x"),
    (("film", "audio", 0, "sample_rate"), ...),
    (("film", "others"), 3),
    (("film", "video"), []),
    (("film", "video", 0, "color"), 3),
    (("film", "video", 0, "duration_s"), "x"),
    (("frames", 0, "at_s"), "x"),
    (("frames", 0, "at_s"), float("nan")),
    (("frames", 0, "bits"), "x"),
    (("ffmpeg",), 5),
    (("sound_known",), "no"),
]


@pytest.mark.parametrize(("where", "value"), MALFORMED)
def test_a_golden_that_was_mangled_by_hand_is_not_measured(
    place: Place, tmp_path: Path, where: tuple[str | int, ...], value: Any
) -> None:
    told = json.loads((place.folder / "golden.json").read_text())
    inner = told
    for step in where[:-1]:
        inner = inner[step]
    inner[where[-1]] = value
    if value is ...:
        del inner[where[-1]]
    (place.folder / "golden.json").write_text(json.dumps(told))
    with pytest.raises(GateUnknown, match=r"golden\.json cannot be read"):
        held(place, tmp_path / "a.mp4")


def test_a_golden_names_no_file_outside_of_its_folder(place: Place, tmp_path: Path) -> None:
    record_ = place.folder / "golden.json"
    record_.write_text(record_.read_text().replace("frames/frame_1s", "../frames/frame_1s"))
    with pytest.raises(GateUnknown, match=r"golden\.json cannot be read"):
        held(place, tmp_path / "a.mp4")


def test_a_frame_that_was_changed_is_found_out(place: Place, tmp_path: Path) -> None:
    shutil.copyfile(place.folder / "frames/frame_2s.mkv", place.folder / "frames/frame_1s.mkv")
    with pytest.raises(GateUnknown, match=r"frame_1s\.mkv is not the picture that was recorded"):
        held(place, tmp_path / "a.mp4")


def test_a_time_that_the_golden_has_not_is_refused(place: Place, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no frame at 5 s"):
        held(place, tmp_path / "a.mp4", times=(1.0, 5.0))
    readings = held(place, tmp_path / "a.mp4", times=(2.0,)).readings
    assert [one.name for one in readings if one.name.startswith("frame_")] == ["frame_2s", "frame_2s_tile"]


def test_thresholds_count(place: Place, tmp_path: Path) -> None:
    louder = film(tmp_path / "b.mp4", **GOOD, gain_db=3.0)
    assert said(held(place, louder)) == {"audio_lufs": Outcome.FAIL, "audio_peak": Outcome.FAIL}
    assert said(held(place, louder, tolerances=Tolerances(lufs=4, true_peak=4))) == {}


def test_a_golden_is_recorded_once_and_from_a_whole_film_only(place: Place, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is a golden in .* already"):
        record(ask, place, tmp_path / "a.mp4", times=TIMES, at=NOW, by="Ada")
    other = Place("other", tmp_path / "other")
    with pytest.raises(UsageError, match="cannot be a golden: no frame at 20 s"):
        record(ask, other, tmp_path / "a.mp4", times=(1.0, 20.0), at=NOW, by="Ada")
    assert not other.folder.exists()


def test_what_is_approved_passes_then_and_the_history_tells_who_and_why(place: Place, tmp_path: Path) -> None:
    bad = film(tmp_path / "b.mp4", **GOOD, draw=plate)
    assert held(place, bad).outcome is Outcome.FAIL
    assert sorted(file.name for file in place.debug.glob("*.png")) == ["diff_1s.png", "diff_2s.png"]
    approve(place, reason="a new plate", by="Grace", at=NOW)
    assert held(place, bad).outcome is Outcome.PASS
    entries, wrong = store.history(place)
    assert wrong == ""
    assert [(one["by"], one["reason"]) for one in entries] == [
        ("Ada", "first recording"),
        ("Grace", "a new plate"),
    ]
    assert entries[1]["before"]["golden"] == entries[0]["after"]["golden"]
    pictures = [place.folder / one["file"] for one in entries[1]["pictures"]]
    assert [file.name for file in pictures] == ["0002_1s.png", "0002_2s.png"]
    assert all(file.is_file() for file in pictures)
    with pytest.raises(UsageError, match="there is nothing to approve"):
        approve(place, reason="again", by="Grace", at=NOW)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("b.mp4", "changed since that check, or is gone"),
        ("golden/debug/diff_1s.png", "changed since that check, or is gone"),
        ("golden/debug/frames/frame_1s.mkv", "changed since that check, or is gone"),
        ("golden/golden.json", "the golden changed since that check"),
    ],
)
def test_what_changed_since_the_check_is_not_approved(
    place: Place, tmp_path: Path, name: str, message: str
) -> None:
    held(place, film(tmp_path / "b.mp4", **GOOD, draw=plate))
    with (tmp_path / name).open("ab") as file:
        file.write(b"\n")
    before = (place.folder / "history.jsonl").read_bytes()
    with pytest.raises(GateFailed, match=message):
        approve(place, reason="a new plate", by="Grace", at=NOW)
    assert (place.folder / "history.jsonl").read_bytes() == before


def test_an_approval_needs_a_reason_and_a_name(place: Place, tmp_path: Path) -> None:
    held(place, film(tmp_path / "b.mp4", **GOOD, draw=plate))
    with pytest.raises(UsageError, match="why is the film right"):
        approve(place, reason=" ", by="Grace", at=NOW)
    with pytest.raises(UsageError, match="who approves it"):
        approve(place, reason="a new plate", by="", at=NOW)


def test_a_history_or_golden_changed_by_hand_is_found_out(place: Place, tmp_path: Path) -> None:
    held(place, film(tmp_path / "b.mp4", **GOOD, draw=plate))
    approve(place, reason="a new plate", by="Grace", at=NOW)
    history = place.folder / "history.jsonl"
    whole = history.read_text()
    history.write_text(whole.replace("Ada", "Eve"))
    assert store.history(place)[1] == "line 2 of history.jsonl does not follow the one before: it was changed"
    history.write_text(whole)
    record_ = place.folder / "golden.json"
    whole_record = record_.read_bytes()
    record_.write_bytes(whole_record + b"\n")
    assert store.history(place)[1] == "golden.json was changed without an approval"
    assert said(held(place, tmp_path / "b.mp4")) == {"golden_approved": Outcome.FAIL}
    record_.write_bytes(whole_record.replace(b"\n", b"\r\n"))  # as version control on Windows may write it
    assert said(held(place, tmp_path / "b.mp4")) == {}


def test_a_golden_of_this_system_comes_first(place: Place, tmp_path: Path) -> None:
    assert place_of("sushi", place.folder, Home("linux"), per_os=False) == place
    with pytest.raises(UsageError, match=r"no golden in .*/golden/linux"):
        place_of("sushi", place.folder, Home("linux"), per_os=True)
    own = place_for("sushi", place.folder, Home("linux"), per_os=True)
    record(ask, own, tmp_path / "a.mp4", times=TIMES, at=NOW, by="Ada")
    assert place_of("sushi", place.folder, Home("linux"), per_os=False) == own
    assert place_of("sushi", place.folder, Home("macos"), per_os=False) == place


def test_pictures_of_the_difference_are_written_where_they_are_asked_for(
    place: Place, tmp_path: Path
) -> None:
    made = diff(ask, place, tmp_path / "a.mp4", Wanted("linux"), tmp_path / "shown")
    assert [file.name for file in made] == ["diff_1s.png", "diff_2s.png"]
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in made)

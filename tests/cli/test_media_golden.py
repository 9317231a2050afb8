"""`mobius media golden`: codes, JUnit whatever happens, and the faults of the scripts before."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import av
import pytest

from adapters.media.films import film
from mobius.cli.main import run

SHARP = {"preset": "veryfast", "g": "30", "crf": "5"}
FRAMES = ["--frames", "0.5,1"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Goods: a film, the same nine decibels louder, and one without sound."""
    made = tmp_path_factory.mktemp("project")
    film(made / "a.mp4", seconds=1.5, options=SHARP)
    film(made / "loud.mp4", seconds=1.5, options=SHARP, gain_db=9.0)
    film(made / "silent.mp4", seconds=1.5, options=SHARP, audio=False)
    with pytest.MonkeyPatch.context() as here:
        here.chdir(made)
        here.delenv("CI", raising=False)
        assert golden("record", "--game", "Sushi Go", "--in", "a.mp4", *FRAMES, "--by", "Ada") == 0
    return made


@pytest.fixture(autouse=True)
def here(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(project, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("GOLDEN_PER_OS", raising=False)


def golden(*words: str) -> int:
    return run(["media", "golden", *words])


def suite(file: str) -> ElementTree.Element:
    found = ElementTree.parse(file).getroot().find("testsuite")
    assert found is not None
    return found


def test_a_name_with_blanks_is_one_folder_for_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert Path("tests/golden/sushi-go/golden.json").is_file()
    words = ("--game", "Sushi Go", "--in", "a.mp4", "--ssim", "0.995", "--lufs_tol", "1.0", "--tp_tol", "1.0")
    assert golden("check", *words, *FRAMES, "--junit", "out/a.xml") == 0
    out = capsys.readouterr().out
    assert out.startswith("golden sushi-go in tests/golden/sushi-go\n✓ codec is h264\n")
    assert "✓ frame at 0.5 s: SSIM 1.0000\n" in out
    cases = suite("out/a.xml")
    assert (cases.get("name"), cases.get("failures"), cases.get("errors")) == ("golden:sushi-go", "0", "0")
    names = {case.get("name") for case in cases.iter("testcase")}
    assert names >= {"container_pix_fmt", "container_avg_frame_rate", "container_sample_aspect_ratio"}
    assert names >= {"frame_0p5s", "frame_1s", "audio_lufs", "audio_peak"}


@pytest.mark.parametrize(("name", "case"), [("loud.mp4", "audio_peak"), ("silent.mp4", "audio_lufs")])
def test_sound_that_is_lost_or_too_loud_fails(name: str, case: str) -> None:
    assert golden("check", "--game", "sushi-go", "--in", name, "--junit", "a.xml") == 3
    failed = {one.get("name") for one in suite("a.xml").iter("testcase") if one.find("failure") is not None}
    assert case in failed


@pytest.mark.parametrize("threshold", ["abc", "nan", "inf", "-1", "1.1", ""])
def test_a_threshold_that_compares_nothing_is_refused_and_said_in_the_junit_file(threshold: str) -> None:
    words = ("--game", "sushi-go", "--in", "loud.mp4", "--ssim", threshold, "--junit", "a.xml")
    assert golden("check", *words) == 2
    assert suite("a.xml").get("errors") == "1"


@pytest.mark.parametrize("option", ["--lufs_tol", "--tp_tol", "--tile-min", "--frames"])
def test_no_other_number_may_be_none(option: str) -> None:
    assert golden("check", "--game", "sushi-go", "--in", "loud.mp4", option, "nan") == 2


def test_without_a_golden_the_next_step_is_to_record_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert golden("check", "--game", "other", "--in", "a.mp4", "--junit", "a.xml") == 2
    assert 'record one: mobius media golden record --game "other" --in FILE' in capsys.readouterr().err
    assert suite("a.xml").get("errors") == "1"
    assert golden("check", "--in", "a.mp4") == 2


def test_a_film_that_is_cut_or_gone_or_broken_has_its_junit_file_too() -> None:
    whole = Path("a.mp4").read_bytes()
    Path("b.mp4").write_bytes(whole[: len(whole) // 2])
    assert golden("check", "--game", "sushi-go", "--in", "b.mp4", "--junit", "a.xml") == 4
    assert suite("a.xml").get("errors") == "1"
    assert golden("check", "--game", "sushi-go", "--in", "none.mp4", "--junit", "b.xml") == 2
    assert suite("b.xml").get("errors") == "1"


def test_without_names_every_golden_is_held_and_a_no_is_not_hidden(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert golden("check", "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    gates = [row for row in rows if row["event"] == "gate"]
    assert {(row["game"], row["outcome"]) for row in gates} == {("sushi-go", "PASS")}
    assert rows[-1]["event"] == "suite"
    shutil.copytree("tests/golden/sushi-go", "tests/golden/broken")
    Path("tests/golden/broken/golden.json").write_text("{")
    assert golden("check", "--junit", "a.xml") == 4
    shutil.copyfile("loud.mp4", "a.mp4")
    assert golden("check", "--junit", "a.xml") == 3
    assert suite("a.xml").get("name") == "goldens"
    assert {case.get("classname") for case in suite("a.xml").iter("testcase")} == {
        "goldens.broken",
        "goldens.sushi-go",
    }
    shutil.rmtree("tests/golden")
    assert golden("check", "--junit", "a.xml") == 4
    assert suite("a.xml").get("errors") == "1"


def test_a_person_approves_with_a_reason_and_history_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    name = ("--game", "sushi-go")
    assert golden("check", *name, "--in", "loud.mp4") == 3
    assert "pictures: tests/golden/sushi-go/debug" in capsys.readouterr().out
    assert golden("approve", *name, "--by", "Grace") == 2
    assert golden("approve", *name, "--by", "Grace", "--reason", "louder on purpose") == 0
    assert golden("check", *name, "--in", "loud.mp4") == 0
    capsys.readouterr()
    assert golden("history", *name) == 0
    assert "Grace: louder on purpose\n" in capsys.readouterr().out
    history = Path("tests/golden/sushi-go/history.jsonl")
    history.write_text(history.read_text().replace("Grace", "Nobody").replace("Ada", "Eve"))
    assert golden("history", *name) == 3


def test_nothing_is_recorded_or_approved_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    name = ("--game", "sushi-go")
    assert golden("check", *name, "--in", "loud.mp4") == 3
    monkeypatch.setenv("CI", "true")
    before = Path("tests/golden/sushi-go/golden.json").read_bytes()
    assert golden("approve", *name, "--by", "Grace", "--reason", "why not") == 3
    assert golden("record", "--game", "other", "--in", "a.mp4", *FRAMES) == 3
    assert Path("tests/golden/sushi-go/golden.json").read_bytes() == before
    assert not Path("tests/golden/other").exists()
    assert golden("check", *name, "--in", "a.mp4") == 0


def old(folder: Path) -> Path:
    """A golden as the scripts before wrote it: PNGs by FFmpeg's scaler, and no loudness, though there is sound."""
    (folder / "frames").mkdir(parents=True)
    video = {
        "codec_name": "h264",
        "width": 320,
        "height": 180,
        "pix_fmt": "yuv420p",
        "avg_frame_rate": "30/1",
    }
    about = {"nb_streams": 2, "duration": "1.500000"}
    told = {
        "game": "old",
        "input": "a.mp4",
        "video": {**video, "sample_aspect_ratio": "1:1"},
        "format": about,
    }
    (folder / "container.json").write_text(json.dumps(told))
    (folder / "audio_stats.json").write_text('{"game": "old", "note": "No audio stream present in preview"}')
    with av.open("a.mp4") as container:
        for frame in container.decode(video=0):
            if frame.time in (0.5, 1.0):
                name = {0.5: "frame_0p5s.png", 1.0: "frame_1s.png"}[frame.time]
                with av.open(str(folder / "frames" / name), "w", format="image2") as out:
                    stream = out.add_stream("png", rate=1)
                    stream.width, stream.height, stream.pix_fmt = 320, 180, "rgb24"
                    shown = frame.reformat(format="rgb24", interpolation="BICUBIC")
                    shown.pts = 0
                    out.mux([*stream.encode(shown), *stream.encode(None)])
    return folder


def test_an_old_golden_is_imported_compared_and_never_passes_for_its_sound(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = ("--game", "old")
    assert golden("import", *name, "--from", str(old(tmp_path / "old")), "--by", "Ada") == 0
    assert "its sound was never measured" in capsys.readouterr().out
    assert golden("check", *name, "--in", "a.mp4", "--json") == 4
    rows = map(json.loads, capsys.readouterr().out.splitlines())
    found = {row["name"]: row for row in rows if row["event"] == "gate"}
    assert found["frame_0p5s"]["value"] == found["frame_1s"]["value"] == 1.0
    assert "frame_1s_tile" not in found
    unknown = {key for key, row in found.items() if row["outcome"] == "INCONCLUSIVE"}
    assert unknown == {"audio_lufs", "audio_peak", "container_color", "container_streams"}
    assert golden("check", *name, "--in", "loud.mp4", "--ssim-variant", "ffmpeg-yuv-all") == 2
    assert golden("check", *name, "--in", "a.mp4") == 4
    assert golden("approve", *name, "--by", "Ada", "--reason", "the film is right") == 0
    assert golden("check", *name, "--in", "a.mp4") == 0
    assert golden("check", *name, "--in", "loud.mp4") == 3


def test_what_is_no_old_golden_is_not_imported(tmp_path: Path) -> None:
    assert golden("import", "--game", "old", "--from", str(tmp_path), "--by", "Ada") == 2
    whole = old(tmp_path / "old")
    (whole / "frames" / "frame_1s.png").write_bytes(b"no picture")
    assert golden("import", "--game", "old", "--from", str(whole), "--by", "Ada") == 4
    (whole / "container.json").write_text('{"streams": []}')
    assert golden("import", "--game", "old", "--from", str(whole), "--by", "Ada") == 4


def test_pictures_can_be_had_of_any_film(capsys: pytest.CaptureFixture[str]) -> None:
    assert golden("diff", "--game", "sushi-go", "--in", "loud.mp4", "--out", "shown") == 0
    assert capsys.readouterr().out.splitlines() == ["shown/diff_0p5s.png", "shown/diff_1s.png"]


def test_another_folder_and_one_for_each_system_are_heeded(capsys: pytest.CaptureFixture[str]) -> None:
    shutil.move("tests/golden/sushi-go", "elsewhere")
    assert golden("check", "--golden", "elsewhere", "--in", "loud.mp4") == 3
    assert golden("check", "--golden", "elsewhere", "--perOs", "--in", "a.mp4") == 2
    assert (
        golden("record", "--golden", "elsewhere", "--perOs", "--in", "loud.mp4", *FRAMES, "--by", "Ada") == 0
    )
    capsys.readouterr()
    assert golden("check", "--golden", "elsewhere", "--in", "loud.mp4", "--junit", "a.xml") == 0
    first = capsys.readouterr().out.splitlines()[0]
    system = first.removeprefix("golden elsewhere in elsewhere/").partition(",")[0]
    assert first == f"golden elsewhere in elsewhere/{system}, of {system} only"
    assert suite("a.xml").get("name") == f"golden:elsewhere:{system}"

"""`mobius media check` without a file: the newest film that mobius.toml names, whose report is kept."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from adapters.media.films import film
from mobius.cli.main import run

SETTINGS = """service = "films"
[[process]]
name = "web"
start = ["true"]
[environments.production]
url = "http://127.0.0.1:9"
[environments.staging]
url = "http://127.0.0.1:10"
[quality_gates.video]
resolution_exact = "320x180"
frame_rate = 10
[quality_gates.audio]
lufs_target = -29.8
[media]
latest = "out/{game}/*.mp4"
keep = 2
"""
SHARP = {"preset": "veryfast", "g": "30", "crf": "5"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = tmp_path_factory.mktemp("made")
    film(project / "good.mp4", seconds=3.2, fps=10, options=SHARP)
    film(project / "quiet.mp4", seconds=3.2, fps=10, options=SHARP, gain_db=-3.0)
    (project / "mobius.toml").write_text(SETTINGS)
    with pytest.MonkeyPatch.context() as here:
        here.chdir(project)
        here.delenv("CI", raising=False)
        record = ["--game", "sushi", "--in", "good.mp4", "--frames", "1", "--by", "Ada"]
        assert run(["media", "golden", "record", *record]) == 0
    return project


@pytest.fixture(autouse=True)
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(made, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(time, "sleep", lambda _: None)  # whoever wrote these films has ended
    Path("out/sushi").mkdir(parents=True)


def render(name: str, at: int) -> None:
    shutil.copy(name, f"out/sushi/{at}.mp4")
    os.utime(f"out/sushi/{at}.mp4", (at, at))


def test_the_newest_film_is_held_against_the_golden_of_its_name_and_the_report_is_kept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    render("quiet.mp4", 10)
    render("good.mp4", 20)
    assert run(["media", "check", "--html", "page.html"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("out/sushi/20.mp4\n") and "✓ frame at 1 s: SSIM 1.0000\n" in told.out
    kept = Path(told.err.partition("kept: ")[2].splitlines()[0])
    assert kept.parent == Path("logs/quality") and kept.name.endswith("_quality.xml")
    assert ElementTree.parse(kept).getroot().get("failures") == "0"
    report = json.loads(kept.with_suffix(".json").read_text())
    assert (report["outcome"], report["films"][0]["golden"]) == ("PASS", "tests/golden/sushi")
    assert "swipe" in Path("page.html").read_text(encoding="utf-8")

    render("quiet.mp4", 30)
    assert run(["media", "check", "--json"]) == 3
    told = capsys.readouterr()
    rows = [json.loads(line) for line in told.out.splitlines()]
    assert {row["name"] for row in rows if row["outcome"] == "FAIL"} >= {"audio_lufs", "audio_peak"}
    assert "next: " in told.err


def test_without_a_film_nothing_is_known_and_the_junit_file_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["media", "check", "--junit", "a.xml"]) == 4
    assert "no film out/sushi/*.mp4 that is done" in capsys.readouterr().err
    assert ElementTree.parse("a.xml").getroot().get("errors") == "1"


def test_without_anything_that_names_films_it_is_a_wrong_call(capsys: pytest.CaptureFixture[str]) -> None:
    text = Path("mobius.toml").read_text()
    Path("mobius.toml").write_text(text.replace('latest = "out/{game}/*.mp4"\n', ""))
    assert run(["media", "check"]) == 2
    assert "latest" in capsys.readouterr().err


def test_two_goldens_and_one_pattern_leave_no_golden_out_in_silence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree("tests/golden/sushi", "tests/golden/chess")
    text = Path("mobius.toml").read_text()
    Path("mobius.toml").write_text(text.replace("{game}", "sushi"))
    render("good.mp4", 10)
    assert run(["media", "check"]) == 4
    assert "which golden? media.game names none of chess, sushi" in capsys.readouterr().out
    Path("mobius.toml").write_text(text.replace('"out/{game}/*.mp4"', '"out/sushi/*.mp4"\ngame = "sushi"'))
    assert run(["media", "check"]) == 0


def test_a_report_that_cannot_be_kept_or_written_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    render("good.mp4", 10)
    Path("logs").write_text("a file")
    assert run(["media", "check"]) == 0
    assert "warning: the report was not kept" in capsys.readouterr().err
    assert run(["media", "check", "--html", "logs/page.html"]) == 2
    assert "logs/page.html" in capsys.readouterr().err


@pytest.mark.parametrize("job", ["probe", "loudness"])
def test_what_is_only_measured_has_a_page_too(job: str) -> None:
    Path("broken.mp4").write_bytes(b"\x00" * 4096)
    assert run(["media", job, "good.mp4", "broken.mp4", "--html", "page.html"]) == 4
    page = Path("page.html").read_text(encoding="utf-8")
    assert "broken.mp4 cannot be read as media" in page
    assert ("data:image/jpeg" in page) is (job == "probe")
    assert "short-term loudness from" in page


def test_the_gates_of_a_film_have_a_page_too() -> None:
    assert run(["gates", "check", "--audio", "quiet.mp4", "--html", "page.html"]) == 3
    page = Path("page.html").read_text(encoding="utf-8")
    assert "integrated loudness is −33" in page and "data:image/jpeg" not in page.partition("<img")[0]

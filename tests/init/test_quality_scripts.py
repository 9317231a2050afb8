"""The guide's scripts of quality, as written, in a project that `mobius init` made: rows I1 to I6."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from adapters.media.films import film
from init.samples import NODE, lay_out
from mobius.cli.main import run

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="these are the scripts for a POSIX shell"),
    pytest.mark.skipif(shutil.which("node") is None, reason="node is not on this machine"),
]
SUMMARY = """[Parsed_ebur128_0 @ 0x5581d2b3a0c0] Summary:

  Integrated loudness:
    I:         {level} LUFS
    Threshold: -26.5 LUFS

  Loudness range:
    LRA:         5.3 LU

  True peak:
    Peak:       -1.6 dBFS
"""
STREAM = {
    "codec_type": "video",
    "width": 1920,
    "height": 1080,
    "avg_frame_rate": "30/1",
    "pix_fmt": "yuv420p",
}
CHECK = ["--frames", "0.5,1", "--ssim", "0.995", "--lufs_tol", "1.0", "--tp_tol", "1.0"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = lay_out(tmp_path_factory.mktemp("made") / "dhash", NODE)
    assert run(["--config", str(project / "mobius.toml"), "init", "--yes"]) == 0
    (project / "artifacts").mkdir()
    film(project / "video.mp4", seconds=1.5)
    film(project / "loud.mp4", seconds=1.5, gain_db=9.0)
    return project


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "dhash"))


def start(project: Path, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "MOBIUS": str(Path(sys.executable).with_name("mobius")), "CI": ""}
    return subprocess.run(words, cwd=cwd or project, env=env, capture_output=True, text=True, timeout=180)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (SUMMARY.format(level="-16.2"), 0),
        (SUMMARY.format(level="-12.0"), 3),
        (SUMMARY.format(level="-16.2").replace("    Peak:       -1.6 dBFS\n", ""), 4),
        ("", 4),
    ],
)
def test_the_audio_script_reads_what_ffmpeg_printed(project: Path, text: str, code: int) -> None:
    (project / "artifacts" / "preview_with_audio_ebur128.txt").write_text(text)
    script = "scripts/check_audio_compliance.py"
    done = start(project, sys.executable, script, "artifacts/preview_with_audio_ebur128.txt")
    assert done.returncode == code, done


@pytest.mark.parametrize(
    ("streams", "code"), [([STREAM], 0), ([{**STREAM, "width": 1280}], 3), ([], 4), ([{}], 4)]
)
def test_the_container_script_reads_what_ffprobe_printed(
    project: Path, streams: list[object], code: int
) -> None:
    (project / "artifacts" / "preview_ffprobe.json").write_text(json.dumps({"streams": streams}))
    done = start(project, "bash", "scripts/check_container.sh", "artifacts/preview_ffprobe.json")
    assert done.returncode == code, done


@pytest.mark.slow
def test_the_golden_scripts_generate_and_check_and_the_report_is_kept(project: Path, tmp_path: Path) -> None:
    game = ("--game", "test", "--in", "video.mp4")
    assert start(project, "node", "scripts/check_golden.js", *game).returncode == 2
    made = start(project, "node", "scripts/generate_golden.js", *game, "--frames", "0.5,1")
    assert made.returncode == 0, made
    report = tmp_path / "out" / "production_quality.xml"
    done = start(project, "node", "scripts/check_golden.js", *game, *CHECK, "--junit", str(report))
    assert done.returncode == 0, done
    cases = ElementTree.parse(report).getroot()
    assert (cases.get("failures"), cases.get("errors")) == ("0", "0")
    assert (project / "logs" / "quality").is_dir()  # where the guide copies it to
    loud = start(project, "node", "scripts/check_golden.js", "--game", "test", "--in", "loud.mp4", *CHECK)
    assert loud.returncode == 3
    assert start(project, "npm", "run", "golden:check").returncode == 0
    elsewhere = (
        "node",
        f"{project}/scripts/check_golden.js",
        "--game",
        "test",
        "--in",
        f"{project}/video.mp4",
    )
    assert start(project, *elsewhere, cwd=tmp_path).returncode == 0


@pytest.mark.slow
def test_the_figures_of_the_guide_in_quality_gates_json_are_those_that_hold(project: Path) -> None:
    game = ("--game", "test", "--in", "video.mp4")
    assert start(project, "node", "scripts/generate_golden.js", *game, "--frames", "1").returncode == 0
    gates = project / "quality-gates.json"
    told = json.loads(gates.read_text())
    told["quality_gates"]["audio"] |= {"lufs_tolerance": 10.0, "true_peak_tolerance": 10.0}
    loud = ("node", "scripts/check_golden.js", "--game", "test", "--in", "loud.mp4")
    assert start(project, *loud).returncode == 3
    gates.write_text(json.dumps(told))
    done = start(project, *loud)
    assert "✓ integrated loudness" in done.stdout
    assert "✓ true peak" in done.stdout
    assert "✗ integrated loudness" in start(project, *loud, "--lufs_tol", "1.0").stdout

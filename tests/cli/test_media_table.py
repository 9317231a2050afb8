"""Good and bad films, one after the other, by command line: every verdict, its exit code, and a JUnit file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from adapters.media.films import film
from mobius.cli.main import run

pytestmark = pytest.mark.slow

SHARP = {"preset": "veryfast", "g": "30", "crf": "5"}
GOOD = {"seconds": 3.5, "options": SHARP}
SETTINGS = """service = "films"
[[process]]
name = "web"
start = ["true"]
[environments.production]
url = "http://127.0.0.1:9"
[quality_gates.video]
resolution_exact = "320x180"
[quality_gates.audio]
lufs_target = -30
lufs_tolerance = 10
[media]
lufs_tolerance = 1.0
required = ["container", "sound", "golden"]
timeout = "2m"
"""
PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\na.mp4\n#EXT-X-ENDLIST\n"


def plate(_: int, picture: np.ndarray) -> None:
    picture[100:130, 200:290] = (20, 160, 60)


def outline(_: int, picture: np.ndarray) -> None:
    picture[100:112, 200:230] //= 2


def uneven(number: int) -> int:
    return number + number // 10


def cut(file: Path) -> None:
    film(file, **GOOD, container={"movflags": "faststart"})
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 6 // 10])


def flipped(file: Path) -> None:
    broken = bytearray(film(file, **GOOD).read_bytes())
    for at in range(len(broken) // 3, len(broken) * 2 // 3, 97):
        broken[at] ^= 0x5A
    file.write_bytes(bytes(broken))


def huge(file: Path) -> None:
    quick = {"preset": "ultrafast"}
    film(file, size=(16_000, 4_000), seconds=0.1, fps=10, audio=False, options=quick)


def rendered(**changed: Any) -> Callable[[Path], object]:
    return lambda file: film(file, **{**GOOD, **changed})


def written(content: bytes) -> Callable[[Path], object]:
    return lambda file: file.write_bytes(content)


HDR = {"colorspace": 9, "color_primaries": 9, "color_trc": 16}
TABLE: dict[str, tuple[Callable[[Path], object], int, str]] = {
    "again": (rendered(), 0, ""),
    "another preset": (rendered(options={**SHARP, "preset": "medium"}), 0, ""),
    "half a decibel": (rendered(gain_db=0.5), 0, ""),
    "over-compressed": (rendered(options={**SHARP, "crf": "30"}), 3, "frame_1s"),
    "wrong plate": (rendered(draw=plate), 3, "frame_1s_tile"),
    "small outline": (rendered(draw=outline), 3, "frame_1s_tile"),
    "one frame late": (rendered(late=1), 3, "frame_2s"),
    "1.5 LU quieter": (rendered(gain_db=-1.5), 3, "audio_lufs"),
    "sound lost": (rendered(audio=False), 3, "sound"),
    "sound that drops out": (rendered(audio_gap=(0.8, 1.9)), 3, "audio_silence"),
    "nine decibels louder": (rendered(gain_db=9.0), 3, "audio_peak"),
    "cut": (cut, 3, "complete"),
    "flipped": (flipped, 3, "frame_"),
    "uneven times": (rendered(times=uneven, fps=30), 3, ""),
    "ten bits, HDR": (
        rendered(codec="libx265", pix_fmt="yuv420p10le", colours=HDR, options={}),
        3,
        "pixel format",
    ),
    "half the size": (rendered(size=(160, 90)), 3, "resolution"),
    "too short": (rendered(seconds=1.5), 3, "frame_2s"),
    "nothing": (written(b""), 4, "film"),
    "zeros": (written(b"\0" * 5000), 4, "film"),
    "random": (written(np.random.default_rng(1).bytes(5000)), 4, "film"),
    "a list of files": (written(b"ffconcat version 1.0\nfile a.mp4\n"), 4, "film"),
    "a playlist": (written(PLAYLIST.encode()), 4, "film"),
    "huge": (huge, 4, "film"),
}


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("films")
    film(made / "a.mp4", **GOOD)
    for name, (make, _, _) in TABLE.items():
        make(made / f"{name}.mp4")
    return made


@pytest.fixture(autouse=True)
def here(films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(films, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("GOLDEN_PER_OS", raising=False)
    Path("mobius.toml").write_text(SETTINGS)
    record = ("record", "--game", "films", "--in", "a.mp4", "--frames", "1,2", "--by", "Ada")
    assert run(["media", "golden", *record]) == 0


def test_every_film_has_its_verdict_by_the_gate_that_is_meant(capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    names = [f"{name}.mp4" for name in TABLE]
    words = ["--game", "films", "--json", "--junit", "all.xml", "--html", "all.html"]
    assert run(["media", "check", *names, *words]) == 3
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    wrong = []
    for name, (_, code, gate) in TABLE.items():
        own = [row for row in rows if row.get("file") == f"{name}.mp4" and row["event"] == "gate"]
        bad = {row["name"]: row["outcome"] for row in own if row["outcome"] != "PASS"}
        found = 3 if "FAIL" in bad.values() else 4 if bad else 0
        if not own or found != code or (gate and not any(each.startswith(gate) for each in bad)):
            wrong.append(f"{name}: {bad}")
    assert not wrong, "\n".join(wrong)
    cases = list(ElementTree.parse("all.xml").getroot().iter("testcase"))
    assert {str(case.get("classname")).removeprefix("media check.") for case in cases} == set(names)
    page = Path("all.html").read_text(encoding="utf-8")
    assert all(f">{name}</a>" in page for name in names)
    assert Path("all.html").stat().st_size < 16 << 20


@pytest.mark.parametrize(
    "name", ["again", "wrong plate", "sound lost", "cut", "random", "a playlist", "huge"]
)
def test_the_golden_check_of_one_says_the_same_by_its_exit_code(name: str) -> None:
    words = ["--game", "films", "--in", f"{name}.mp4", "--junit", "one.xml"]
    code = run(["media", "golden", "check", *words])
    assert code == TABLE[name][1]
    suite = ElementTree.parse("one.xml").getroot()
    failures, errors = int(str(suite.get("failures"))), int(str(suite.get("errors")))
    assert (failures > 0) is (code == 3)
    assert (errors > 0) is (code == 4)


def test_a_film_without_sound_is_well_where_no_sound_is_required() -> None:
    silent = [
        "media",
        "golden",
        "record",
        "--game",
        "silent",
        "--in",
        "sound lost.mp4",
        "--frames",
        "1",
        "--by",
        "Ada",
    ]
    assert run(silent) == 0
    check = ["media", "check", "sound lost.mp4", "--game", "silent"]
    assert run(check) == 3
    Path("mobius.toml").write_text(SETTINGS.replace('["container", "sound", "golden"]', '["container"]'))
    assert run(check) == 0
    assert run(["media", "check", "again.mp4", "--game", "silent"]) == 3  # a sound that came from nowhere


def test_ten_bits_pass_against_a_golden_of_ten_bits() -> None:
    name = "ten bits, HDR.mp4"
    assert (
        run(["media", "golden", "record", "--game", "hdr", "--in", name, "--frames", "1", "--by", "Ada"]) == 0
    )
    assert run(["media", "golden", "check", "--game", "hdr", "--in", name]) == 0
    assert run(["media", "golden", "check", "--game", "hdr", "--in", "a.mp4"]) == 3


def test_a_golden_that_is_required_and_was_not_compared_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["media", "check", "a.mp4"]) == 3
    assert "✗ skipped, and required: no golden was named" in capsys.readouterr().out

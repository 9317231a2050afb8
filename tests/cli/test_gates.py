"""`mobius gates check`: files and reports of them, and what cannot be read is never a pass."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapters.media.films import film
from adapters.media.signals import silence, sine, stereo
from mobius.cli.main import run

REPORT = {
    "codec_type": "video",
    "width": 1920,
    "height": 1080,
    "avg_frame_rate": "30/1",
    "pix_fmt": "yuv420p",
}


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def check(*words: str) -> int:
    return run(["gates", "check", *words])


def test_a_good_report_passes(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.json").write_text(json.dumps({"streams": [REPORT]}))
    assert check("--container", "a.json") == 0
    assert capsys.readouterr().out.splitlines() == [
        "✓ resolution is 1920x1080",
        "✓ frame rate is 30 fps",
        "✓ pixel format is yuv420p",
        "✓ pixel shape is 1:1",
    ]


@pytest.mark.parametrize(
    "content",
    [
        b'{"streams":[]}',
        b"{",
        b"",
        b"not json",
        b"[" * 100_000,
        "{\u201d".encode(),
        b'{"streams":[{}]}',
    ],
)
def test_a_report_that_says_nothing_is_no_pass(content: bytes) -> None:
    Path("a.json").write_bytes(content)
    assert check("--container", "a.json") == 4


def test_a_report_in_utf_16_as_powershell_writes_it_is_read() -> None:
    Path("a.json").write_text(json.dumps({"streams": [REPORT]}), encoding="utf-16")
    assert check("--container", "a.json") == 0


def test_a_smaller_film_fails_by_its_size(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("--container", str(film(Path("a.mp4"), seconds=1, audio=False))) == 3
    out = capsys.readouterr().out
    assert "✗ resolution is 320x180, not 1920x1080" in out
    assert "✓ every frame is there" in out


def test_the_figures_of_a_project_count(tmp_path: Path) -> None:
    Path("mobius.toml").write_text(
        'service = "films"\n[environments.production]\nurl = "http://127.0.0.1:9"\n'
        '[[process]]\nname = "web"\nstart = ["true"]\n'
        '[quality_gates.video]\nresolution_exact = "320x180"\n'
    )
    assert check("--container", str(film(Path("a.mp4"), seconds=1, audio=False))) == 0


def test_sound_is_measured_where_no_summary_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("--audio", str(stereo(Path("a.wav"), sine(-16.0, 5)))) == 0
    assert "✓ integrated loudness is −15.99 LUFS" in capsys.readouterr().out
    assert check("--audio", str(stereo(Path("a.wav"), sine(-7.0, 5)))) == 3


def test_silence_is_no_pass() -> None:
    assert check("--audio", str(stereo(Path("a.wav"), silence(5)))) == 4


def test_a_missing_film_is_a_wrong_call_and_nothing_asked_too() -> None:
    assert check("--audio", "none.txt") == 2
    assert check() == 2


def test_one_object_a_gate_and_a_junit_file(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.json").write_text(json.dumps({"streams": [{**REPORT, "pix_fmt": "rgb24"}]}))
    assert check("--container", "a.json", "--json", "--junit", "out/a.xml") == 3
    gates = {one["name"]: one for one in map(json.loads, capsys.readouterr().out.splitlines())}
    assert gates["pixel format"]["outcome"] == "FAIL"
    assert gates["pixel format"]["value"] == "rgb24"
    assert 'failures="1"' in Path("out/a.xml").read_text()


def test_also_a_wrong_call_is_an_error_in_the_junit_file() -> None:
    assert check("--container", "none.json", "--junit", "out/a.xml") == 2
    assert 'errors="1"' in Path("out/a.xml").read_text()


def test_every_frame_of_a_video_is_decoded_where_that_is_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = bytearray(film(Path("a.mp4"), seconds=1).read_bytes())
    for at in range(len(made) // 3, len(made) * 2 // 3, 97):
        made[at] ^= 0x5A
    Path("b.mp4").write_bytes(bytes(made))
    assert check("--container", "a.mp4", "--deep") == 3  # of another size
    assert "✓ none of 30 frames is corrupt" in capsys.readouterr().out
    assert check("--container", "b.mp4", "--deep") == 3
    assert "frames are corrupt" in capsys.readouterr().out

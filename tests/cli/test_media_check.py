"""`mobius media check`: container, sound and golden of many films; one that is broken hides none of the others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from adapters.media.films import film
from mobius.cli.main import run

FIGURES = (
    'service = "films"\n[environments.production]\nurl = "http://127.0.0.1:9"\n'
    '[[process]]\nname = "web"\nstart = ["true"]\n'
    '[quality_gates.video]\nresolution_exact = "320x180"\n'
    "[quality_gates.audio]\nlufs_target = -29.8\n"
)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("films")
    film(made / "a.mp4", seconds=4, options={"preset": "veryfast", "crf": "5"})
    film(made / "silent.mp4", seconds=1, audio=False)
    return made


@pytest.fixture(autouse=True)
def here(films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(films, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("CI", raising=False)
    Path("mobius.toml").write_text(FIGURES)


def check(*words: str) -> int:
    return run(["media", "check", *words])


def test_a_good_film_passes_every_gate(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("a.mp4", "--deep") == 0
    out = capsys.readouterr().out
    assert out.startswith("a.mp4\n✓ resolution is 320x180\n")
    assert "✓ none of 120 frames is corrupt\n" in out
    assert "✗" not in out and "?" not in out


def test_one_broken_film_hides_none_of_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    Path("broken.mp4").write_bytes(b"\x00" * 4096)
    assert check("broken.mp4", "a.mp4", "--json", "--junit", "out/a.xml") == 4
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    gates = [row for row in rows if row["event"] == "gate"]
    assert {(row["file"], row["outcome"]) for row in gates} == {("broken.mp4", "ERROR"), ("a.mp4", "PASS")}
    assert (rows[-1]["event"], rows[-1]["done"], rows[-1]["outcome"]) == ("suite", 2, "ERROR")
    assert ElementTree.parse("out/a.xml").getroot().get("errors") == "1"
    assert check("broken.mp4", "silent.mp4", "a.mp4") == 3
    assert check("none.mp4") == 2


def test_a_film_without_sound_or_of_another_size_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("silent.mp4") == 3
    assert "✗ the film has no audio stream\n" in capsys.readouterr().out
    Path("mobius.toml").unlink()
    assert check("a.mp4") == 3
    assert "✗ resolution is 320x180, not 1920x1080\n" in capsys.readouterr().out


def test_the_golden_that_is_named_counts_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("a.mp4", "--game", "films") == 2
    record = ["media", "golden", "record", "--game", "films", "--in", "a.mp4", "--frames", "1", "--by", "Ada"]
    assert run(record) == 0
    capsys.readouterr()
    assert check("a.mp4", "--game", "films") == 0
    assert "✓ frame at 1 s: SSIM 1.0000\n" in capsys.readouterr().out

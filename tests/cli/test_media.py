"""`mobius media`: every file is told of, and the worst of them is the exit code."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from adapters.media.films import film
from adapters.media.signals import silence, sine, stereo
from mobius.cli.main import run


def test_one_object_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = stereo(tmp_path / "a.wav", sine(-23.0, 5))
    assert run(["media", "loudness", "--json", str(file)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["file"] == str(file)
    assert told["integrated_lufs"] == pytest.approx(-23.0, abs=0.1)
    assert told["loudness_range_lu"] == 0.0


def test_silence_is_null_and_a_dash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = stereo(tmp_path / "a.wav", silence(5))
    assert run(["media", "loudness", "--json", str(file)]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert {figures[name] for name in figures if name not in ("schema_version", "file")} == {None}
    assert run(["media", "loudness", str(file)]) == 0
    assert "true peak            — dBTP" in capsys.readouterr().out


def test_a_file_that_cannot_be_read_does_not_hide_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, empty = stereo(tmp_path / "good.wav", sine(-23.0, 2)), tmp_path / "empty.mp4"
    empty.touch()
    report = tmp_path / "reports" / "media.xml"
    assert run(["media", "loudness", "--junit", str(report), str(empty), str(good)]) == 4
    told = capsys.readouterr()
    assert "integrated" in told.out
    assert told.err.startswith("empty.mp4 is empty\n")
    suite = ElementTree.parse(report).getroot()
    assert (suite.get("tests"), suite.get("errors"), suite.get("failures")) == ("2", "1", "0")


def test_a_film_that_was_cut_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = film(tmp_path / "a.mp4", container={"movflags": "faststart"})
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert run(["media", "probe", str(file)]) == 3
    assert "cut: the header promises 90 frames" in capsys.readouterr().out


def test_a_film_without_sound_fails_the_question_for_its_loudness(tmp_path: Path) -> None:
    assert run(["media", "loudness", str(film(tmp_path / "a.mp4", audio=False, seconds=0.5))]) == 3


def test_a_file_that_is_not_there_is_a_wrong_call(tmp_path: Path) -> None:
    assert run(["media", "probe", str(tmp_path / "none.mp4")]) == 2

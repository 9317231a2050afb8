"""Many films by one command: each is judged once, whatever happens to another, and what was measured is known."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import psutil
import pytest

from adapters.media.films import film
from mobius.cli.main import run

FIGURES = (
    'service = "films"\n[environments.production]\nurl = "http://127.0.0.1:9"\n'
    '[[process]]\nname = "web"\nstart = ["true"]\n'
    '[quality_gates.video]\nresolution_exact = "320x180"\n'
    "[quality_gates.audio]\nlufs_target = -29.8\n"
)
SHARP = {"preset": "veryfast", "crf": "5"}


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good film, and one that is too loud."""
    made = tmp_path_factory.mktemp("films")
    film(made / "good.mp4", seconds=3.1, options=SHARP)
    film(made / "loud.mp4", seconds=3.1, options=SHARP, gain_db=9.0)
    return made


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    Path("mobius.toml").write_text(FIGURES)
    return tmp_path


def put(original: Path, *names: str) -> None:
    """Copies that are different files to whoever compares their bytes: an empty box at the end, with a number."""
    for number, name in enumerate(names):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(original.read_bytes() + b"\x00\x00\x00\x0cfree" + number.to_bytes(4, "big"))


def rows(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def films_of(out: str) -> dict[str, tuple[str, bool]]:
    """File to (outcome, known)."""
    return {row["file"]: (row["outcome"], row["known"]) for row in rows(out) if row["event"] == "film"}


def test_a_folder_is_all_its_films_with_the_worst_first(
    originals: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(originals / "good.mp4", "out/b.mp4", "out/deep/a.MP4")
    put(originals / "loud.mp4", "out/c.mp4")
    Path("out/zero.mp4").touch()
    Path("out/notes.txt").write_text("no film")
    assert run(["media", "check", "out", "--junit", "a.xml", "--workers", "2"]) == 3
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert sorted(line.split(" ", 2)[2].split(" (")[0] for line in lines[:4]) == [
        "out/b.mp4",
        "out/c.mp4",
        "out/deep/a.MP4",
        "out/zero.mp4",
    ]
    table = lines[-5:]
    assert [line[0] for line in table[:4]] == ["✗", "?", "✓", "✓"]
    assert table[0].startswith("✗ out/c.mp4       integrated loudness is −2")
    assert table[1].startswith("? out/zero.mp4    zero.mp4 is empty")
    assert table[4] == "4 films: 2 passed, 1 failed, 1 could not be measured"
    assert "✗ integrated loudness" in out and "    normalise the loudness" in out
    cases = ElementTree.parse("a.xml").getroot()
    assert (cases.get("failures"), cases.get("errors")) != ("0", "0")
    assert len({case.get("classname") for case in cases.iter("testcase")}) == 4


def test_a_film_named_twice_is_judged_once_and_no_film_is_no_pass(
    originals: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(originals / "good.mp4", "out/a.mp4", "out/b.mp4")
    assert run(["media", "check", "out", "out/a.mp4", "out/*.mp4", "--json"]) == 0
    assert set(films_of(capsys.readouterr().out)) == {"out/a.mp4", "out/b.mp4"}
    Path("empty").mkdir()
    assert run(["media", "check", "empty", "out/a.mp4", "--json"]) == 4
    assert run(["media", "check", "none*.mp4"]) == 4
    assert "none*.mp4: no film by this pattern: nothing was judged" in capsys.readouterr().out
    assert run(["media", "check", "none.mp4", "out"]) == 2


def test_frames_of_a_golden_are_no_films(originals: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(originals / "good.mp4", "a.mp4")
    record = ["media", "golden", "record", "--game", "a", "--in", "a.mp4", "--frames", "1", "--by", "Ada"]
    assert run(record) == 0
    capsys.readouterr()
    assert run(["media", "check", ".", "--json"]) == 0
    assert set(films_of(capsys.readouterr().out)) == {"a.mp4"}


def test_what_was_measured_is_known_and_judged_by_the_figures_of_today(
    originals: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(originals / "good.mp4", "out/a.mp4", "out/b.mp4")
    again = ["media", "check", "out", "--json"]
    assert run(again) == 0
    assert not any(known for _, known in films_of(capsys.readouterr().out).values())
    put(originals / "loud.mp4", "out/b.mp4")
    assert run(again) == 3
    assert films_of(capsys.readouterr().out) == {"out/a.mp4": ("PASS", True), "out/b.mp4": ("FAIL", False)}
    Path("mobius.toml").write_text(FIGURES.replace("-29.8", "-20.8"))
    assert run(again) == 3
    assert films_of(capsys.readouterr().out) == {"out/a.mp4": ("FAIL", True), "out/b.mp4": ("PASS", True)}
    assert run([*again, "--no-cache"]) == 3
    assert not any(known for _, known in films_of(capsys.readouterr().out).values())
    for entry in Path(".mobius/media").glob("*/*.json"):
        entry.write_text(entry.read_text()[:-40])
    assert run(again) == 3
    told = capsys.readouterr()
    assert not any(known for _, known in films_of(told.out).values())
    assert told.err.count("is broken") == 2


def test_a_frame_of_the_golden_that_was_damaged_is_found_though_the_film_is_known(
    originals: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(originals / "good.mp4", "a.mp4")
    name = ["--game", "a", "--in", "a.mp4"]
    assert run(["media", "golden", "record", *name, "--frames", "1", "--by", "Ada"]) == 0
    assert run(["media", "golden", "check", *name]) == run(["media", "golden", "check", *name]) == 0
    frame = Path("tests/golden/a/frames/frame_1s.mkv")
    frame.write_bytes(frame.read_bytes()[:-100])
    assert run(["media", "golden", "check", *name]) == 4


def test_a_manifest_names_many_games_and_one_without_a_golden_hides_no_other(
    originals: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(originals / "good.mp4", "a.mp4", "b.mp4")
    for game in ("a", "b", "left"):
        words = ["--game", game, "--in", "a.mp4", "--frames", "0.5,1", "--by", "Ada"]
        assert run(["media", "golden", "record", *words]) == 0
    put(originals / "loud.mp4", "loud.mp4")
    Path("films.json").write_text('{"a": "b.mp4", "b": "loud.mp4", "none": "a.mp4"}')
    capsys.readouterr()
    check = ["media", "golden", "check", "--manifest", "films.json", "--junit", "a.xml", "--plain"]
    assert run(check) == 3
    told = capsys.readouterr()
    assert "warning: not in films.json, and not compared: left\n" in told.err
    assert told.out.splitlines()[-1].startswith("3 films: 1 passed, 1 failed, 1 could not be measured")
    assert [line.split()[1] for line in told.out.splitlines()[-4:-1]] == ["b", "none", "a"]
    assert {case.get("classname") for case in ElementTree.parse("a.xml").iter("testcase")} == {
        f"goldens.{game}" for game in ("a", "b", "none")
    }
    Path("films.json").write_text('{"a": "b.mp4"}')
    assert run(check) == 0
    assert run([*check, "--game", "a"]) == 2
    Path("films.json").write_text('{"a": "b.mp4", "a": "a.mp4"}')
    assert run(check) == 2
    assert run(["media", "golden", "check", "--manifest", "none.json"]) == 2


def test_of_many_films_against_one_golden_the_first_that_differs_leaves_its_pictures(
    originals: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(originals / "good.mp4", "golden.mp4", "out/a.mp4", "out/d.mp4")
    put(originals / "loud.mp4", "out/b.mp4", "out/c.mp4")
    record = ["--game", "a", "--in", "golden.mp4", "--frames", "1", "--by", "Ada"]
    assert run(["media", "golden", "record", *record]) == 0
    assert run(["media", "check", "out", "--game", "a", "--workers", "2"]) == 3
    candidate = json.loads(Path("tests/golden/a/debug/candidate.json").read_text())
    assert candidate["candidate"]["source"] == "out/b.mp4"
    shutil.rmtree("out")
    put(originals / "good.mp4", "out/a.mp4", "out/d.mp4")
    assert run(["media", "check", "out", "--game", "a"]) == 0
    assert not Path("tests/golden/a/debug").exists()


def started(*words: str) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    """A command that has said what came out of two films, and all processes it has."""
    command = subprocess.Popen(
        [sys.executable, "-m", "mobius", "media", "check", "out", "--workers", "1", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert command.stdout is not None
    seen = 0
    while seen < 2:
        line = command.stdout.readline()
        assert line, command.communicate()[1]
        seen += '"event": "film"' in line
    return command, psutil.Process(command.pid).children(recursive=True)


def are_gone(processes: list[psutil.Process]) -> bool:
    return not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_suite_that_is_killed_goes_on_where_it_was(
    originals: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(originals / "good.mp4", *(f"out/{number}.mp4" for number in range(8)))
    command, children = started("--json")
    command.send_signal(signal.SIGKILL)
    command.communicate()
    assert children
    until(lambda: are_gone(children))
    assert run(["media", "check", "out", "--json"]) == 0
    found = films_of(capsys.readouterr().out)
    assert len(found) == 8 and {outcome for outcome, _ in found.values()} == {"PASS"}
    known = [file for file, (_, is_known) in found.items() if is_known]
    assert 2 <= len(known) < 8
    assert {"out/0.mp4", "out/1.mp4"} <= set(known)


def test_ctrl_c_ends_the_children_and_says_what_was_done(originals: Path) -> None:
    put(originals / "good.mp4", *(f"out/{number}.mp4" for number in range(8)))
    command, children = started("--json", "--junit", "a.xml")
    command.send_signal(signal.SIGINT)
    out, err = command.communicate(timeout=60)
    assert command.returncode == 130
    assert are_gone(children)
    assert "stopped: " in err and " of 8 films were judged" in err and "only the rest is measured" in err
    last = [row for row in rows(out) if row["event"] == "suite"]
    assert [(row["films"], row["outcome"]) for row in last] == [(8, "ERROR")]
    cases = ElementTree.parse("a.xml").getroot()
    assert int(cases.get("errors", "0")) == 8 - last[0]["done"]
    assert {case.get("classname") for case in cases.iter("testcase")} == {
        f"media check.out/{number}.mp4" for number in range(8)
    }


def test_a_cluster_that_nobody_answers_for_is_no_pass(
    originals: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(originals / "good.mp4", "out/a.mp4")
    monkeypatch.setattr("mobius.adapters.media.cluster.TO_CONNECT_S", 0.5)
    assert run(["media", "check", "out", "--cluster", "tcp://127.0.0.1:9", "--junit", "a.xml"]) == 4
    assert "no scheduler answers at tcp://127.0.0.1:9" in capsys.readouterr().err
    assert ElementTree.parse("a.xml").getroot().get("errors") == "1"
    assert run(["media", "check", "out", "--cluster", "nonsense://a"]) == 2

"""The newest file that has stopped growing, and a gate that is asked once for each of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mobius.adapters.checks.http import HttpChecks
from mobius.adapters.checks.memory import MemoryChecks, bad, good, unknown
from mobius.adapters.signals.gates import FileGate
from mobius.adapters.signals.newest_file import newest_file
from mobius.model.sample import WAITING, Sample
from mobius.model.settings import EnvironmentSettings, GateCommand
from mobius.model.verdict import Outcome


@dataclass
class Waits:
    """Time that stands still, but for what happens while one waits."""

    meanwhile: Callable[[], None] = lambda: None
    at: float = 1000.0
    waited: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.meanwhile()


def made(path: Path, at: float, content: str = "video") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    os.utime(path, (at, at))
    return path


def newest(pattern: Path, meanwhile: Callable[[], None] = lambda: None, since: float = 0.0) -> str:
    found = newest_file(str(pattern), Waits(meanwhile).wait, since=since)
    return Path(found.path).name if found else ""


def test_the_newest_that_matches_is_found(tmp_path: Path) -> None:
    made(tmp_path / "one.mp4", 2000)
    made(tmp_path / "two.mp4", 3000)
    made(tmp_path / "log.txt", 4000)
    made(tmp_path / "deep" / "three.mp4", 3500)

    assert newest(tmp_path / "*.mp4") == "two.mp4"
    assert newest(tmp_path / "**" / "*.mp4") == "three.mp4"
    assert newest(tmp_path / "one.mp4") == "one.mp4"


def test_one_that_grows_is_passed_over_for_one_that_is_done(tmp_path: Path) -> None:
    made(tmp_path / "done.mp4", 2000)
    growing = made(tmp_path / "growing.mp4", 3000)

    def grow() -> None:
        with growing.open("a") as opened:
            opened.write("more")
        os.utime(growing, (3000, 3000))  # its size alone tells

    assert newest(tmp_path / "*.mp4", grow) == "done.mp4"
    assert newest(tmp_path / "growing.mp4", grow) == ""


def test_one_that_is_rewritten_at_the_same_size_is_not_done(tmp_path: Path) -> None:
    path = made(tmp_path / "a.mp4", 2000)
    assert newest(path, lambda: os.utime(path, (2001, 2001))) == ""


def test_nothing_empty_no_folder_and_nothing_that_goes_away_counts(tmp_path: Path) -> None:
    made(tmp_path / "empty.mp4", 2000, "")
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "dangling.mp4").symlink_to(tmp_path / "nowhere")
    gone = made(tmp_path / "gone.mp4", 2000)

    assert newest(tmp_path / "*.mp4", gone.unlink) == ""
    assert newest(tmp_path / "nowhere" / "*.mp4") == ""


def test_what_was_made_before_the_watch_is_not_of_this_release(tmp_path: Path) -> None:
    made(tmp_path / "old.mp4", 900)
    assert newest(tmp_path / "*.mp4", since=1000.0) == ""
    made(tmp_path / "new.mp4", 1100)
    assert newest(tmp_path / "*.mp4", since=1000.0) == "new.mp4"


def test_a_gate_is_asked_once_of_each_file_and_again_when_it_changed(tmp_path: Path) -> None:
    checks = MemoryChecks(
        gates={"golden": [good("golden"), bad("golden", "two frames differ"), unknown("golden", "no golden")]}
    )
    gate = FileGate("golden", str(tmp_path / "*.mp4"), checks, Waits(), 1000.0)

    waiting = gate.ask()
    assert waiting is not None
    assert waiting.missing.startswith("no file ")
    assert waiting.note == WAITING

    first = made(tmp_path / "a.mp4", 1100)
    assert gate.ask() == Sample("gate:golden", 0.0, ok=True)
    assert gate.ask() is None
    assert gate.ask() is None

    second = made(tmp_path / "b.mp4", 1200)
    assert gate.ask() == Sample("gate:golden", 0.0, ok=False, note="two frames differ")

    made(second, 1300, "made anew")
    assert gate.ask() == Sample("gate:golden", 0.0, missing="no golden")
    assert checks.files == [str(first), str(second), str(second)]

    second.unlink()
    first.unlink()
    assert gate.ask() is None, "what was asked of before stays asked"


def test_the_command_gets_the_file_in_place_of_its_name(tmp_path: Path) -> None:
    made(tmp_path / "out" / "a b.mp4", 1100, "7")
    gate = GateCommand("seven", ("grep", "-q", "^7$", "{file}"), when="window", file="out/*.mp4")
    settings = EnvironmentSettings("production", "http://127.0.0.1:1", tmp_path, checks=(gate,))
    checks = HttpChecks(settings, resolve=lambda name: tmp_path / name, cwd=tmp_path)

    assert checks.gate("seven", str(tmp_path / "out" / "a b.mp4")).outcome is Outcome.PASS
    assert checks.gate("seven").outcome is Outcome.PASS

    made(tmp_path / "out" / "c.mp4", 1200, "8")
    assert checks.gate("seven").outcome is Outcome.FAIL

    for path in (tmp_path / "out").iterdir():
        path.unlink()
    told = checks.gate("seven")
    assert (told.outcome, told.message) == (Outcome.ERROR, "no file out/*.mp4 that is done")

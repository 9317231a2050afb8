"""What `mobius backup` says while it works and at its end: to a terminal, to a pipe, to a program."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from mobius.cli import advancing
from mobius.cli.advancing import Shown
from mobius.cli.backup import _sha256sum
from mobius.model.advance import Advance

HALF = Advance("backup: 5 B of 10 B", 5, 10, 2.5, 2.0)


class Terminal(io.StringIO):
    """A stderr that somebody sits at."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock, as a list of one."""
    now = [100.0]
    monkeypatch.setattr(advancing.time, "monotonic", lambda: now[0])
    return now


def test_a_terminal_shows_one_line_that_changes_and_leaves_none_behind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with Shown(as_json=False) as shown:
        shown("backup: x.zip")
        shown(HALF)
        shown(HALF)
    drawn = "\r\x1b[Kbackup: 5 B of 10 B"
    assert terminal.getvalue() == f"backup: x.zip\n{drawn}{drawn}\r\x1b[K"


@pytest.mark.parametrize("how", ["pipe", "plain", "dumb"])
def test_elsewhere_a_line_comes_every_five_seconds(
    how: str, later: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO() if how == "pipe" else Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "dumb" if how == "dumb" else "xterm")
    with Shown(as_json=False, plain=how == "plain") as shown:
        shown("backup: x.zip")
        for _ in range(120):
            later[0] += 0.1
            shown(HALF)
    assert stream.getvalue() == "backup: x.zip\n" + "backup: 5 B of 10 B\n" * 2


def test_a_program_gets_one_object_a_line_and_no_words(
    later: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with Shown(as_json=True) as shown:
        shown("backup: x.zip")
        for _ in range(60):
            later[0] += 0.1
            shown(HALF)
    told = capsys.readouterr()
    assert [json.loads(line) for line in told.out.splitlines()] == [
        {
            "schema_version": 1,
            "kind": "progress",
            "done_bytes": 5,
            "total_bytes": 10,
            "bytes_per_s": 2,
            "left_s": 2.0,
        }
    ]
    assert told.err == ""


def test_the_command_to_check_it_can_be_typed_where_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "a shop"
    project.mkdir()
    inside, outside = project / "backups" / "x.zip", Path("/mnt/my disk/x.zip")
    assert _sha256sum(inside, project) == f"cd '{project}' && sha256sum -c backups/x.zip.sha256"
    monkeypatch.chdir(project)
    assert _sha256sum(inside, project) == "sha256sum -c backups/x.zip.sha256"
    assert _sha256sum(outside, project) == "sha256sum -c '/mnt/my disk/x.zip.sha256'"

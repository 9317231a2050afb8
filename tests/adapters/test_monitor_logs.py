"""`monitor_logs/`: a line a look, bounded, and never in the way of a window."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from mobius.adapters.monitor_logs import MOST_WINDOWS, monitor_logs

OPENED = 1_700_000_000.0
STAMP = time.strftime("%Y%m%d_%H%M%S", time.localtime(OPENED))


def test_each_look_is_a_line_for_people_and_a_line_of_json(tmp_path: Path) -> None:
    write = monitor_logs(tmp_path / "monitor_logs", "production", lambda text: text.replace("hunter2", "***"))
    write(OPENED, "good\nas ever, hunter2", {"checks": 1})
    write(OPENED, "good", {"checks": 2, "sentence": "hunter2"})

    log = tmp_path / "monitor_logs" / f"monitor_production_{STAMP}.log"
    assert log.read_text() == "good as ever, ***\ngood\n"
    figures = (tmp_path / "monitor_logs" / f"metrics_{STAMP}.jsonl").read_text().splitlines()
    assert [json.loads(line)["checks"] for line in figures] == [1, 2]
    assert "hunter2" not in "".join(figures)
    assert (log.parent / ".gitignore").read_text() == "*\n", "no dirty work tree for the next deployment"


def test_a_file_that_has_grown_too_large_is_turned_over_once(tmp_path: Path) -> None:
    write = monitor_logs(tmp_path, "production", str, most_bytes=200)
    for number in range(100):
        write(OPENED, f"look {number:03} of a long window", {"n": number})
    sizes = {file.name: file.stat().st_size for file in tmp_path.glob("m*")}
    assert set(sizes) == {
        f"{name}{turned}"
        for name in (f"monitor_production_{STAMP}.log", f"metrics_{STAMP}.jsonl")
        for turned in ("", ".1")
    }
    assert max(sizes.values()) < 300
    assert (tmp_path / f"monitor_production_{STAMP}.log").read_text().endswith("look 099 of a long window\n")


def test_the_files_of_old_windows_go(tmp_path: Path) -> None:
    for number in range(MOST_WINDOWS + 5):
        file = tmp_path / f"monitor_production_2020{number:04}.log"
        file.write_text("x")
        os.utime(file, (time.time() - 60 * number, time.time() - 60 * number))
    old = tmp_path / "metrics_2019.jsonl"
    old.write_text("x")
    os.utime(old, (1.0, 1.0))
    theirs = tmp_path / "notes.txt"
    theirs.write_text("kept")

    monitor_logs(tmp_path, "production", str)(OPENED, "first", {})

    assert len(list(tmp_path.glob("monitor_*.log"))) == MOST_WINDOWS + 1
    assert not old.exists() and theirs.exists()


def test_where_nothing_can_be_written_nothing_is_raised(tmp_path: Path) -> None:
    (tmp_path / "monitor_logs").write_text("a file in the way")
    monitor_logs(tmp_path / "monitor_logs", "production", str)(OPENED, "line", {"value": float("nan")})
    assert (tmp_path / "monitor_logs").read_text() == "a file in the way"

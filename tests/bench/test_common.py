"""The page of results, tables, and child processes of the benchmarks."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench import common


def test_an_entry_is_added_under_its_heading_newest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "RESULTS.md"
    monkeypatch.setattr(common, "RESULTS", page)
    monkeypatch.setattr(common, "REPOSITORY", tmp_path)
    monkeypatch.setattr(common, "machine", lambda: "2 cores")
    common.write_entry("switch", "What is lost?", "first")
    common.write_entry("door", "How fast?", "other")
    common.write_entry("switch", "What is lost?", "second")
    lines = [line for line in page.read_text().splitlines() if line and not line.startswith("###")]
    assert lines == [
        "# Results",
        "## switch",
        "What is lost?",
        "second",
        "first",
        "## door",
        "How fast?",
        "other",
    ]
    assert page.read_text().count(", 2 cores") == 3


def test_a_table_is_aligned() -> None:
    assert common.table(["Way", "Lost"], [["door", "0"], ["restart", "1038"]]) == (
        "| Way     | Lost |\n| ------- | ---: |\n| door    |    0 |\n| restart | 1038 |"
    )


def test_no_number_is_shown_as_a_dash() -> None:
    assert common.number(common.median([])) == "–"
    assert common.number(1.25, 1) == "1.2"


def test_a_child_that_ended_is_reported_with_its_log(tmp_path: Path) -> None:
    child = common.Child([sys.executable, "-c", "print('no such release')"], tmp_path / "log")
    with pytest.raises(common.BenchFailed, match="no such release"):
        child.wait_until_it_answers(common.free_port())


def test_a_child_is_gone_after_its_block(tmp_path: Path) -> None:
    port = common.free_port()
    argv = [sys.executable, "-m", "bench.tiny", "serve", "--port", str(port)]
    with common.started(argv, tmp_path / "log", port) as child:
        assert common.answers(port)
    assert not child.is_running
    assert not common.answers(port)

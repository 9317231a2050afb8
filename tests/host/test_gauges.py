"""What the live release used, half a minute at a time: only while it alone is live, and always readable."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host.sites import Site, wait_for
from mobius.host.client import ensure_running
from mobius.host.gauges import FILE, GaugeNotes, keep_gauges, live_alone
from mobius.host.lines import BLOCK_S, read_lines, write_line

NOW = 1_800_000_000.0
ME = {"v1": (os.getpid(),)}


def slot(release: str, *pids: int | None, placed: object = None) -> Any:
    processes = {
        str(n): SimpleNamespace(is_alive=pid != 0, life=SimpleNamespace(pid=pid))
        for n, pid in enumerate(pids)
    }
    return SimpleNamespace(release=release, placed=placed, processes=processes)


@pytest.mark.parametrize(
    ("weights", "live"),
    [
        ({"blue": 1}, {"v1": (7,)}),
        ({"blue": 1, "green": 0}, {"v1": (7,)}),
        ({"blue": 90, "green": 10}, {}),
        ({}, {}),
        ({"gone": 1}, {}),
        ({"elsewhere": 1}, {}),
    ],
)
def test_only_a_release_that_gets_all_requests_is_noted(
    weights: dict[str, int], live: dict[str, Any]
) -> None:
    slots = {
        "blue": slot("v1", 7, 0, None),
        "green": slot("v2", 8),
        "elsewhere": slot("v3", 9, placed="there"),
    }
    assert live_alone(slots, weights) == live


def test_a_release_is_noted_from_the_second_look_on_and_anew_after_it_was_away(tmp_path: Path) -> None:
    notes = GaugeNotes(tmp_path)
    for number, live in enumerate((ME, ME, {}, ME, ME)):
        notes.note(live, NOW + 30 * number, 1000.0 + 30 * number)
    lines = [json.loads(line) for line in (tmp_path / FILE).read_text().splitlines()]
    assert [line["at"] for line in lines] == [NOW + 30, NOW + 120]
    assert [line["took_s"] for line in lines] == [30.0, 30.0]
    assert sorted(lines[0]["releases"]["v1"]) == ["cpu", "fds", "memory"]


def test_a_round_that_failed_as_nobody_foresaw_is_said_once_and_the_next_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = iter([ME, KeyError("weights"), KeyError("weights"), ME])

    def live() -> Any:
        there = next(answers, None)
        if there is None:
            raise asyncio.CancelledError
        if isinstance(there, Exception):
            raise there
        return there

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(keep_gauges(live, tmp_path, 0.001))
    assert len((tmp_path / FILE).read_text().splitlines()) == 1
    assert capsys.readouterr().err == "history of gauges: a round is left out: KeyError('weights')\n"


def test_a_full_disk_leaves_a_gap_and_says_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left = iter([ME, ME, ME])

    def live() -> Any:
        with contextlib.suppress(StopIteration):
            return next(left)
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(keep_gauges(live, tmp_path / "no such folder", 0.001))
    assert capsys.readouterr().err == ""


# Lines


def wrote(path: Path, many: int, turn_at_bytes: int = 1 << 20) -> None:
    for number in range(many):
        line = {"at": NOW + number, "took_s": BLOCK_S, "releases": {"v1": {"n": number}}}
        write_line(path, line, turn_at_bytes)


def numbers(path: Path) -> list[int]:
    return [line.releases["v1"]["n"] for line in read_lines(path, NOW - 1, NOW + 1_000)]


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 400), more=st.integers(0, 3))
def test_a_file_that_was_cut_anywhere_loses_the_cut_line_at_most(
    cut: int, more: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("lines") / FILE
    wrote(path, 6)
    data = path.read_bytes()[:cut]
    path.write_bytes(data)
    whole = data.count(b"\n")
    left = numbers(path)
    assert left in (list(range(whole)), list(range(whole + 1)))  # the very newline may be what was cut
    wrote(path, more)
    assert numbers(path) == [*left, *range(more)]


@settings(max_examples=60, deadline=None)
@given(garbage=st.binary(max_size=200), at=st.integers(0, 6))
def test_garbage_between_lines_never_raises_and_costs_no_other_line(
    garbage: bytes, at: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("lines") / FILE
    wrote(path, 6)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:at], garbage.replace(b"\n", b" ") + b"\n", *lines[at:]]))
    assert numbers(path) == list(range(6))


@pytest.mark.parametrize("odd", ["Infinity", "NaN", "-1", "1e999", '"x"', "null", "[" * 5000])
def test_times_that_are_none_are_passed_over(odd: str, tmp_path: Path) -> None:
    for line in (
        f'{{"at":{odd},"took_s":1,"releases":{{}}}}',
        f'{{"at":{NOW},"took_s":{odd},"releases":{{}}}}',
    ):
        (tmp_path / FILE).write_text(line + "\n")
        assert list(read_lines(tmp_path / FILE, NOW - 5, NOW + 5)) == []


def test_a_clock_that_was_set_back_hides_what_lies_ahead_and_nothing_else(tmp_path: Path) -> None:
    for number, at in enumerate((NOW, NOW + 3600, NOW + 30, NOW + 60)):
        line = {"at": at, "took_s": BLOCK_S, "releases": {"v1": {"n": number}}}
        write_line(tmp_path / FILE, line)
    assert [line.releases["v1"]["n"] for line in read_lines(tmp_path / FILE, NOW - 60, NOW + 90)] == [0, 2, 3]


def test_two_writers_at_once_leave_whole_lines_alone(tmp_path: Path) -> None:
    path = tmp_path / FILE

    async def both() -> None:
        await asyncio.gather(*(asyncio.to_thread(wrote, path, 200, 20_000) for _ in range(2)))

    asyncio.run(both())
    assert path.with_name(f"{FILE}.1").exists()
    for file in (path, path.with_name(f"{FILE}.1")):
        assert all(json.loads(line)["took_s"] == BLOCK_S for line in file.read_text().splitlines() if line)


@pytest.mark.slow
def test_the_supervisor_notes_what_the_live_release_uses_and_goes_on_after_its_own_kill(site: Site) -> None:
    site.start("blue", "r1")
    site.start("green", "r2")
    site.client.configure_door(site.listen)
    site.client.route({"blue": 1})
    path = site.root / "run" / FILE

    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    wait_for("a line of what it uses", lambda: len(lines()) >= 1, within_s=150)
    site.kill_supervisor()
    site.client = ensure_running(site.root)
    site.client.route({"green": 1})
    wait_for("a line of the other", lambda: any("r2" in line["releases"] for line in lines()), within_s=150)
    assert next(sorted(line["releases"]) for line in lines()) == ["r1"]
    for line in lines():
        ((_, used),) = line["releases"].items()
        assert sorted(used) == ["cpu", "fds", "memory"] and all(0 <= value <= 100 for value in used.values())

"""What is usual at an hour of the week: made of the notes, again and again, and never of what is no count."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobius.host import usual
from mobius.host.history import FILE
from mobius.host.lines import write_line
from mobius.host.usual import HOUR_S, WEEK_H, keep_usual, note_hours, read_hours, usual_beside

HOUR = 500_000
START = HOUR * HOUR_S


def counted(requests: int, errors: int = 0, bucket: int = 20, **routes: Any) -> dict[str, Any]:
    there = {"requests": requests, "errors": errors, "histogram": {str(bucket): requests}}
    return {**there, "routes": {f"/{name}": one for name, one in routes.items()}} if routes else there


def noted(run: Path, hour: int, blocks: int = 120, **releases: Any) -> Path:
    for number in range(blocks):
        at = hour * HOUR_S + 30 * number + 20
        write_line(run / FILE, {"at": at, "took_s": 30.0, "releases": releases})
    return run / FILE


def test_an_hour_that_has_ended_is_noted_once_with_all_releases_and_routes_together(tmp_path: Path) -> None:
    lines = noted(tmp_path, HOUR, v1=counted(100, 1, api=counted(10)), v2=counted(50, bucket=3))
    noted(tmp_path, HOUR + 1, 30, v2=counted(1))
    assert note_hours(lines, START + 1.5 * HOUR_S) == 1
    assert note_hours(lines, START + 1.5 * HOUR_S) == 0
    (hour,) = read_hours(usual_beside(lines))
    assert hour.number == HOUR
    assert hour.signals["traffic"] == {
        "requests": 18_000,
        "errors": 120,
        "histogram": {"20": 12_000, "3": 6_000},
        "blocks": 120,
    }
    assert hour.signals["route:/api"]["requests"] == 1_200


def test_an_hour_of_which_little_was_seen_is_not_known(tmp_path: Path) -> None:
    lines = noted(tmp_path, HOUR, 50, v1=counted(100))
    assert note_hours(lines, START + HOUR_S) == 0
    assert not usual_beside(lines).exists()


def test_no_more_than_four_weeks_are_kept_and_the_oldest_go_first(tmp_path: Path) -> None:
    lines = noted(tmp_path, HOUR, 60, v1=counted(1))
    hours = {str(number): {"traffic": counted(1)} for number in range(HOUR - 4 * WEEK_H - 5, HOUR)}
    usual_beside(lines).write_text(json.dumps({"hours": hours}))
    assert note_hours(lines, float(START + HOUR_S)) == 1
    numbers = [hour.number for hour in read_hours(usual_beside(lines))]
    assert numbers == list(range(HOUR - 4 * WEEK_H + 1, HOUR + 1))


@pytest.mark.parametrize("wrong", [0.0, START - 40 * 7 * 86_400.0, START + 40 * 7 * 86_400.0])
def test_a_clock_that_is_wrong_for_a_moment_costs_no_hour(wrong: float, tmp_path: Path) -> None:
    lines = noted(tmp_path, HOUR - 1, 60, v1=counted(1))
    note_hours(lines, float(START))
    noted(tmp_path, HOUR, 60, v1=counted(1))
    assert note_hours(lines, wrong) == 0
    assert note_hours(lines, float(START + HOUR_S)) == 1
    assert [hour.number for hour in read_hours(usual_beside(lines))] == [HOUR - 1, HOUR]


def test_the_file_stays_small_however_many_routes_and_hours(tmp_path: Path) -> None:
    lines = tmp_path / FILE
    wide = {
        "requests": 10**9,
        "errors": 10**6,
        "histogram": {str(b): 10**8 for b in range(49)},
        "blocks": 120,
    }
    signals = {"traffic": wide, **{f"route:/{n}": {**wide, "requests": n} for n in range(20)}}
    hours = {str(number): signals for number in range(HOUR - 4 * WEEK_H, HOUR - 1)}
    usual_beside(lines).write_text(json.dumps({"hours": hours}))
    noted(tmp_path, HOUR - 1, v1=counted(5))
    assert note_hours(lines, float(START)) == 1
    assert usual_beside(lines).stat().st_size <= 1_000_000
    kept = list(read_hours(usual_beside(lines)))
    assert kept[-1].number == HOUR - 1 and len(kept[0].signals) == 9
    assert "route:/19" in kept[0].signals and "route:/0" not in kept[0].signals


@settings(max_examples=80, deadline=None)
@given(data=st.binary(max_size=300), cut=st.integers(0, 400))
def test_whatever_lies_there_nothing_is_raised_and_the_next_hour_is_noted(
    data: bytes, cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run = tmp_path_factory.mktemp("run")
    lines = noted(run, HOUR, 60, v1=counted(10))
    note_hours(lines, START + HOUR_S)
    whole = usual_beside(lines).read_bytes()
    for there in (data, whole[:cut], whole + data):
        usual_beside(lines).write_bytes(there)
        note_hours(lines, START + HOUR_S)
        assert [hour.number for hour in read_hours(usual_beside(lines))] == [HOUR]


@pytest.mark.parametrize(
    "odd",
    [
        {"requests": "many"},
        {"requests": 9, "errors": -9, "histogram": {}},
        {"requests": float("inf")},
        [1],
        None,
    ],
)
def test_what_is_no_count_adds_nothing_to_its_hour(odd: Any, tmp_path: Path) -> None:
    lines = noted(tmp_path, HOUR, v1=counted(10), v2=odd, v3={"routes": 3})
    assert note_hours(lines, START + HOUR_S) == 1
    assert next(read_hours(usual_beside(lines))).signals["traffic"]["requests"] == 1_200


def test_two_that_note_at_once_leave_a_whole_file(tmp_path: Path) -> None:
    lines = noted(tmp_path, HOUR, 60, v1=counted(10))

    async def both() -> list[int]:
        return await asyncio.gather(*(asyncio.to_thread(note_hours, lines, START + HOUR_S) for _ in range(2)))

    assert max(asyncio.run(both())) == 1
    assert [hour.number for hour in read_hours(usual_beside(lines))] == [HOUR]


def test_a_round_that_failed_as_nobody_foresaw_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = iter([KeyError("odd"), KeyError("odd"), OSError("full")])

    def fails(lines: Path, now: float) -> int:
        raise next(rounds, asyncio.CancelledError())

    monkeypatch.setattr(usual, "note_hours", fails)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(keep_usual(tmp_path / FILE, lambda: float(START), 0.001))
    assert capsys.readouterr().err == "usual hours: a round is left out: KeyError('odd')\n"

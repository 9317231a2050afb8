"""What the front door counted, half a minute at a time, and what is made of it later."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, cast

import pytest

from mobius.adapters.signals.recorded import recorded
from mobius.host.history import FILE, added, keep_history
from mobius.host.lines import write_line
from mobius.host.protocol import HostUnavailable

NOW = 1_800_000_000.0


def count(requests: int, errors: int = 0, bucket: int = 20, **routes: Any) -> dict[str, Any]:
    histogram = [0] * 49
    histogram[bucket] = requests
    return {
        "requests": requests,
        "errors_5xx": errors,
        "errors_door": 0,
        "histogram": histogram,
        "routes": {f"/{name}": one for name, one in routes.items()},
    }


def route(requests: int, errors: int) -> dict[str, Any]:
    return {"requests": requests, "errors": errors, "histogram": [requests]}


def wrote(run: Path, times: int, *, before_s: float = 0.0, requests: int = 3_000) -> None:
    for number in range(times):
        released = added({}, {"v1": count(requests, 3, api=route(requests // 10, 1))})
        at = NOW - before_s - 30 * (times - number)
        write_line(run / FILE, {"at": at, "took_s": 30.0, "releases": released})


def test_only_what_was_added_is_written() -> None:
    before, now = {"v1": count(100, 2)}, {"v1": count(160, 3), "v2": count(5)}
    assert added(before, now) == {
        "v1": {"requests": 60, "errors": 1, "histogram": {"20": 60}},
        "v2": {"requests": 5, "errors": 0, "histogram": {"20": 5}},
    }


def test_a_door_that_counts_anew_adds_nothing_to_that_half_minute() -> None:
    assert added({"v1": count(100)}, {"v1": count(4)}) == {}
    assert added({"v1": count(100, 5)}, {"v1": count(160)}) == {}, "it was quick to count more than before"
    assert added({"v1": count(100, bucket=30)}, {"v1": count(160)}) == {}


def test_the_last_hour_of_a_busy_release_is_its_baseline_with_each_route_by_itself(tmp_path: Path) -> None:
    wrote(tmp_path, 200)
    found = recorded(tmp_path, "v1", NOW)
    assert sorted(found) == ["route:/api", "traffic"]
    assert found["traffic"].total.requests == 119 * 3_000  # of the last hour only
    assert found["traffic"].total.errors == 119 * 3
    assert found["traffic"].blocks[0].histogram[20] == 3_000


def test_the_hours_of_the_day_stand_beside_the_last_one_for_what_comes_a_few_times_an_hour(
    tmp_path: Path,
) -> None:
    wrote(tmp_path, 500)
    known = recorded(tmp_path, "v1", NOW)["traffic"]
    assert len(known.blocks) == 119
    assert [len(hour) for hour in known.hours] == [21, 120, 120, 120, 119]
    assert known.hours[-1] == known.blocks


def test_a_quiet_release_is_known_by_its_last_day(tmp_path: Path) -> None:
    wrote(tmp_path, 40, before_s=20_000, requests=10)
    wrote(tmp_path, 40, requests=10)
    assert recorded(tmp_path, "v1", NOW)["traffic"].total.requests == 80 * 10


def test_what_was_counted_after_the_deployment_began_is_not_of_before(tmp_path: Path) -> None:
    wrote(tmp_path, 40)
    assert recorded(tmp_path, "v1", NOW - 601)["traffic"].total.requests == 20 * 3_000


def test_a_half_minute_in_which_nobody_looked_is_left_out(tmp_path: Path) -> None:
    write_line(tmp_path / FILE, {"at": NOW, "took_s": 400.0, "releases": added({}, {"v1": count(50)})})
    assert recorded(tmp_path, "v1", NOW) == {}


def test_lines_that_were_cut_or_are_no_counts_are_passed_over(tmp_path: Path) -> None:
    wrote(tmp_path, 3)
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"at": 1800000000.0, "took_s": 30, "releases": {"v1": {"requests": "many"}}}\n')
        for told in (
            b'"requests": 9, "errors": -9, "histogram": {}',
            b'"requests": 9, "errors": 0, "histogram": {"3": -9}',
            b'"requests": 1e999, "errors": 0, "histogram": {}',
        ):
            file.write(b'{"at": 1800000000.0, "took_s": 30, "releases": {"v1": {' + told + b"}}}\n")
        file.write(b'[1, 2]\nnull\n\xff\xfe\n{"at": 18000')
    assert recorded(tmp_path, "v1", NOW)["traffic"].total.requests == 9_000


def test_a_release_that_nobody_counted_has_none(tmp_path: Path) -> None:
    assert recorded(tmp_path, "v1", NOW) == {}
    wrote(tmp_path, 3)
    assert recorded(tmp_path, "v9", NOW) == {}


def test_a_file_that_has_grown_is_turned_and_still_read(tmp_path: Path) -> None:
    for number in range(4):
        line = {"at": NOW - 60 + number, "took_s": 30.0, "releases": added({}, {"v1": count(10)})}
        write_line(tmp_path / FILE, line, turn_at_bytes=150)
    assert (tmp_path / f"{FILE}.1").exists()
    assert len(json.loads((tmp_path / FILE).read_text().splitlines()[0])) == 3
    assert recorded(tmp_path, "v1", NOW)["traffic"].total.requests >= 20


class _Doors:
    """Answers with these in turn, then ends the task."""

    def __init__(self, *said: dict[str, Any] | Exception) -> None:
        self.said = iter(said)

    async def counters(self) -> dict[str, Any]:
        there = next(self.said, None)
        if there is None:
            raise asyncio.CancelledError
        if isinstance(there, Exception):
            raise there
        return there


def answer(requests: int, *, partial: bool = False) -> dict[str, Any]:
    return {"releases": {"v1": count(requests)}, "partial": partial}


def kept(run: Path, *said: dict[str, Any] | Exception) -> list[int]:
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(keep_history(cast(Any, _Doors(*said)), run, block_s=0.001))
    lines = [json.loads(line) for line in (run / FILE).read_text().splitlines()]
    return [line["releases"].get("v1", {"requests": 0})["requests"] for line in lines]


def test_a_door_that_did_not_answer_is_not_counted_anew_when_it_does(tmp_path: Path) -> None:
    silent = [answer(3, partial=True)] * 5
    assert kept(tmp_path, answer(1_000), answer(1_060), *silent, answer(1_120), answer(1_180)) == [60, 60, 60]


def test_counts_that_fell_for_good_are_counted_on_from_there(tmp_path: Path) -> None:
    assert kept(tmp_path, answer(1_000), answer(3), answer(63)) == [0, 60]


def test_a_round_that_failed_as_nobody_foresaw_is_said_once_and_the_next_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = [KeyError("switches")] * 3
    lost = HostUnavailable("no answer")
    assert kept(tmp_path, answer(10), *odd, answer(20), *odd, lost, answer(30)) == [10, 10]
    assert capsys.readouterr().err == "history of traffic: a round is left out: KeyError('switches')\n"

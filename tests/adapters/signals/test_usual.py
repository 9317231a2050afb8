"""A release at an hour it has not lived through yet: what is usual then is no fault of a new one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mobius.adapters.signals.recorded import recorded
from mobius.host.history import FILE
from mobius.host.lines import write_line
from mobius.host.usual import HOUR_S, WEEK_H, usual_beside
from mobius.model.baseline import Baseline
from mobius.rules.adaptive import Adaptive

HOUR = 500_000
NOW = HOUR * HOUR_S + 600.0


def counted(requests: int, errors: int, bucket: int = 20) -> dict[str, Any]:
    slow = requests // 40
    return {
        "requests": requests,
        "errors": errors,
        "histogram": {str(bucket): requests - slow, str(bucket + 3): slow},
    }


def lived(
    run: Path, *, errors: int = 3, requests: int = 3_000, times: int = 119, release: str = "v1"
) -> None:
    """An hour of the release, half a minute at a time."""
    for number in range(times):
        releases = {release: counted(requests, errors)}
        write_line(run / FILE, {"at": NOW - 30 * (times - number), "took_s": 30.0, "releases": releases})


def usually(run: Path, *weeks: dict[str, Any] | None, ahead: int = 0, signal: str = "traffic") -> None:
    """What this hour was, one week ago, two weeks ago …; added to what is there."""
    path = usual_beside(run / FILE)
    told = json.loads(path.read_text()) if path.exists() else {"hours": {}}
    for ago, there in enumerate(weeks, 1):
        if there is not None:
            told["hours"].setdefault(str(HOUR + ahead - ago * WEEK_H), {})[signal] = there
    path.write_text(json.dumps(told))


def traffic(run: Path, release: str = "v1") -> Baseline:
    return recorded(run, release, NOW)["traffic"]


def test_an_hour_that_is_usually_worse_is_what_the_new_release_is_held_against(tmp_path: Path) -> None:
    lived(tmp_path)
    usually(tmp_path, *[counted(360_000, 1_800)] * 3)
    known = traffic(tmp_path)
    assert (known.total.requests, known.total.errors) == (360_000, 1_800)
    assert len(known.blocks) == 119, "how they scatter is known from the release itself"
    assert known.known_by == "its last hour, and these hours of 3 weeks"


def test_the_hour_that_begins_while_the_window_is_open_counts_too(tmp_path: Path) -> None:
    lived(tmp_path)
    usually(tmp_path, *[counted(360_000, 1_800)] * 2, ahead=1)
    assert traffic(tmp_path).total.errors == 1_800
    usually(tmp_path, *[counted(360_000, 9_000)] * 2, ahead=2)
    assert traffic(tmp_path).total.errors == 1_800, "the one after that does not"


def test_an_hour_that_is_usually_slower_raises_the_times_alone(tmp_path: Path) -> None:
    lived(tmp_path)
    usually(tmp_path, *[counted(360_000, 0, bucket=23)] * 2)
    known = traffic(tmp_path)
    assert (known.total.requests, known.total.errors) == (119 * 3_000, 119 * 3)
    assert known.total.histogram[23] == 351_000


def test_an_hour_that_is_usually_better_changes_nothing(tmp_path: Path) -> None:
    lived(tmp_path)
    usually(tmp_path, *[counted(360_000, 0, bucket=10)] * 4)
    assert traffic(tmp_path).total.requests == 119 * 3_000
    assert traffic(tmp_path).known_by == "its last hour"


@pytest.mark.parametrize(
    "weeks",
    [
        [counted(360_000, 180_000)],
        [counted(360_000, 180_000), counted(360_000, 36)],
        [counted(360_000, 36), counted(360_000, 180_000), counted(360_000, 36)],
        [counted(360_000, 180_000), counted(50, 50)],
    ],
)
def test_one_bad_week_makes_no_hour_usually_bad(weeks: list[dict[str, Any]], tmp_path: Path) -> None:
    lived(tmp_path)
    usually(tmp_path, *weeks)
    assert traffic(tmp_path).total.errors == 119 * 3


def test_older_than_four_weeks_is_forgotten(tmp_path: Path) -> None:
    lived(tmp_path)
    usually(tmp_path, None, None, None, counted(360_000, 1_800), counted(360_000, 1_800))
    assert traffic(tmp_path).total.errors == 119 * 3


def test_a_release_with_little_of_its_own_is_known_by_the_releases_before_it(tmp_path: Path) -> None:
    lived(tmp_path, release="v0")
    write_line(tmp_path / FILE, {"at": NOW - 1, "took_s": 30.0, "releases": {"v1": counted(3_000, 0)}})
    known = traffic(tmp_path)
    assert known.block_s == 30.0 and len(known.blocks) == 120
    assert known.total.errors == 119 * 3
    assert known.known_by == "its last hour, with the releases before it"
    usually(tmp_path, *[counted(360_000, 1_800)] * 3)
    assert traffic(tmp_path).total.errors == 1_800


def test_releases_that_shared_the_requests_of_a_moment_are_one_there(tmp_path: Path) -> None:
    for number in range(10):
        releases = {"v0": counted(1_000, 1), "v9": counted(2_000, 0)}
        write_line(tmp_path / FILE, {"at": NOW - 30 * (10 - number), "took_s": 30.0, "releases": releases})
    known = traffic(tmp_path)
    assert [(block.requests, block.errors) for block in known.blocks] == [(3_000, 1)] * 10


def test_where_nothing_was_noted_for_a_day_these_hours_of_the_weeks_before_stand_in(tmp_path: Path) -> None:
    for ahead in (-1, 0, 1, 2):
        usually(tmp_path, *[counted(36_000, 36)] * 2, ahead=ahead)
    known = traffic(tmp_path)
    assert known.block_s == 3600.0 and len(known.blocks) == 8
    assert (known.total.requests, known.total.errors) == (8 * 36_000, 8 * 36)
    assert known.known_by == "these hours of the weeks before"


def test_a_critical_route_has_its_own_usual_hours(tmp_path: Path) -> None:
    for ahead in (-1, 0, 1):
        usually(tmp_path, *[counted(36_000, 36)] * 2, ahead=ahead, signal="route:/api")
    assert sorted(recorded(tmp_path, "v1", NOW)) == ["route:/api"]


def test_what_is_no_count_in_the_file_is_passed_over(tmp_path: Path) -> None:
    lived(tmp_path)
    usually(tmp_path, {"requests": "many"}, {"requests": 9, "errors": -1, "histogram": {}}, {"histogram": []})
    assert traffic(tmp_path).known_by == "its last hour"


def verdict_at_three_times_the_errors(baseline: Baseline) -> bool:
    test = Adaptive(baseline, window_s=1800.0)
    tick = counted(500, 0)
    histogram = [int(tick["histogram"].get(str(bucket), 0)) for bucket in range(49)]
    return any(test.observe(500, 2 - number % 2, histogram, 5.0).is_bad for number in range(360))


def test_a_rush_hour_is_no_alarm_where_it_is_usual_and_is_one_where_it_is_not(tmp_path: Path) -> None:
    lived(tmp_path)
    assert verdict_at_three_times_the_errors(traffic(tmp_path))
    usually(tmp_path, *[counted(360_000, 1_080)] * 3)
    assert not verdict_at_three_times_the_errors(traffic(tmp_path))

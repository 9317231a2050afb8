from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from mobius.host.counters import (
    HISTOGRAM_EDGES_MS,
    ReleaseCount,
    add_snapshots,
    empty_snapshot,
    find_route,
    without_in_flight,
)
from mobius.host.doors import Doors
from mobius.host.kept import Life
from mobius.host.protocol import HostUnavailable


def snapshot(requests: int, switches: list[dict[str, object]] | None = None) -> dict[str, object]:
    count = ReleaseCount()
    for _ in range(requests):
        count.count(200, False, 3.0, "/api")
    count.in_flight = 2
    return {**empty_snapshot(), "releases": {"r1": count.as_json()}, "switches": switches or []}


def test_edges_grow_by_a_quarter_from_one_millisecond() -> None:
    assert HISTOGRAM_EDGES_MS[0] == 1.0
    assert HISTOGRAM_EDGES_MS[-1] > 30_000
    for lower, upper in pairwise(HISTOGRAM_EDGES_MS):
        assert abs(upper / lower - 1.25) < 0.001


def test_a_request_is_counted_in_the_bucket_whose_upper_edge_it_reaches() -> None:
    count = ReleaseCount()
    for ms in (0.2, 1.0, 1.01, 10_000_000.0):
        count.count(200, False, ms, None)
    assert (count.histogram[0], count.histogram[1], count.histogram[-1]) == (2, 1, 1)
    assert len(count.histogram) == len(HISTOGRAM_EDGES_MS) + 1


def test_errors_of_the_release_and_of_the_door_are_told_apart() -> None:
    count = ReleaseCount()
    count.count(200, False, 1, "/api")
    count.count(500, False, 1, "/api")
    count.count(502, True, 1, "/api")
    count.count(200, True, 1, None)  # cut in the middle of its answer
    assert (count.requests, count.errors_5xx, count.errors_door) == (4, 1, 2)
    assert count.as_json()["status"] == {"2xx": 2, "5xx": 2}
    assert count.routes["/api"].errors == 2


def test_a_route_holds_its_path_and_what_lies_beneath_and_the_longest_wins() -> None:
    routes = (("/api/render", b"/api/render"), ("/api", b"/api"))
    assert find_route(b"/api/render", routes) == "/api/render"
    assert find_route(b"/api/render/7", routes) == "/api/render"
    assert find_route(b"/api/renderer", routes) == "/api"
    assert find_route(b"/apis", routes) is None


def test_the_counts_of_two_doors_are_added_up() -> None:
    switch = {"generation": 1, "at": 5.0, "weights": {"blue": 1}, "failed_because_of_switch": 1}
    total = add_snapshots(without_in_flight(snapshot(3, [switch])), snapshot(4, [switch]))
    release = total["releases"]["r1"]
    assert (release["requests"], release["in_flight"], release["status"]) == (7, 2, {"2xx": 7})
    assert release["routes"]["/api"]["requests"] == 7
    assert sum(release["histogram"]) == 7
    assert [one["failed_because_of_switch"] for one in total["switches"]] == [2]


class _Process:
    """A door process that runs, and answers with this, or not."""

    def __init__(self, *answers: dict[str, Any] | None) -> None:
        self.kept = SimpleNamespace(is_running=True, life=Life())
        self.answers = iter(answers)

    async def ask_counters(self) -> dict[str, Any]:
        answer = next(self.answers)
        if answer is None:
            raise HostUnavailable("the door does not answer")
        return answer


def doors(run: Path, current: _Process, *leaving: _Process) -> Doors:
    found = Doors(run, lambda: None, dict)
    found.current, found.leaving = cast(Any, current), cast(Any, list(leaving))
    return found


def told(of: Doors) -> tuple[int, bool]:
    counters = asyncio.run(of.counters())
    return counters["releases"].get("r1", {}).get("requests", 0), counters["partial"]


def test_the_sums_say_that_they_are_partial_while_a_door_process_does_not_answer(tmp_path: Path) -> None:
    """It is the newest or one that leaves; with its next answer they are whole."""
    leaves = _Process(snapshot(4), snapshot(4), snapshot(4))
    both = doors(tmp_path, _Process(snapshot(3), None, snapshot(5)), leaves)
    assert [told(both) for _ in range(3)] == [(7, False), (4, True), (9, False)]
    last = doors(tmp_path, _Process(snapshot(3), snapshot(3)), _Process(None, snapshot(4)))
    assert [told(last) for _ in range(2)] == [(3, True), (7, False)]


def test_a_door_process_that_ends_while_another_is_asked_makes_the_sums_partial(tmp_path: Path) -> None:
    """What it left behind is in the next sums."""
    ends = _Process()

    class Asked(_Process):
        async def ask_counters(self) -> dict[str, Any]:
            if ends.kept.is_running:
                ends.kept.is_running = False
                found.absorb_counters("door-1")
            return await super().ask_counters()

    found = doors(tmp_path, Asked(snapshot(3), snapshot(3)), ends)
    found.run.mkdir()
    (found.run / "door-1.counters.json").write_text(json.dumps({**snapshot(4), "final": True}))
    assert [told(found) for _ in range(2)] == [(3, True), (7, False)]


def test_sums_do_not_fall_below_what_a_killed_door_had_told_before(tmp_path: Path) -> None:
    """It writes its counts once a second, and may be killed before."""
    for number, (written, told_last, sum_of) in enumerate([(3, 5, 5), (6, 5, 6), (None, 5, 5), (3, None, 3)]):
        found = Doors(tmp_path, lambda: None, dict)
        found.run.mkdir(exist_ok=True)
        if written is not None:
            left = found.run / f"door-{number}.counters.json"
            left.write_text(json.dumps({**snapshot(written), "final": False}))
        found.absorb_counters(f"door-{number}", None if told_last is None else snapshot(told_last))
        assert (found.sums["releases"]["r1"]["requests"], found.incomplete) == (sum_of, True)
        assert found.sums["releases"]["r1"]["in_flight"] == 0

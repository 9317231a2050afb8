"""Every fault at every moment of a deployment on three hosts: one release serves afterwards, every host is in a known
state, nothing is half done, and the next deployment works.

One cell alone: `pytest -k link_cut-stage tests/journeys/fleet/test_fault_matrix.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from bench.fault_matrix import FAULTS, MOMENTS

from adapters.traffic.haproxies import WHY_NOT
from beds.possible import why_not
from journeys.fleet.matrix.cell import is_usable, run_cell, run_timed
from journeys.fleet.matrix.ground import Ground, a_ground

pytestmark = pytest.mark.fleet
SAMPLE = {"link_cut-start", "power_off-switch"}
ROLLBACK_GOAL_S, EMERGENCY_GOAL_S = 600.0, 300.0  # the guide's 10 and 5 minutes
BACK = ("rollback", "-e", "production")
CELLS = [
    pytest.param(
        fault,
        moment,
        id=f"{fault}-{moment}",
        marks=[pytest.mark.sample] if f"{fault}-{moment}" in SAMPLE else [],
    )
    for moment in MOMENTS
    for fault in FAULTS
]


@pytest.fixture(scope="module")
def grounds() -> Iterator[Callable[[], Ground]]:
    """The present ground; a new one when the last is in doubt."""
    if reason := WHY_NOT or why_not():
        pytest.skip(reason)
    made: list[Ground] = []
    with ExitStack() as standing:

        def present() -> Ground:
            if not made or not (made[-1].is_well or is_usable(made[-1])):
                standing.close()
                made.append(standing.enter_context(a_ground()))
            return made[-1]

        yield present


@pytest.mark.parametrize(("fault", "moment"), CELLS)
def test_a_fault_leaves_nothing_half_done(grounds: Callable[[], Ground], fault: str, moment: str) -> None:
    run_cell(grounds(), fault, moment)


def test_rolling_out_and_both_ways_back_are_in_time_and_lose_no_request(
    grounds: Callable[[], Ground],
) -> None:
    ground = grounds()
    ground.is_well = False
    for what, goal_s, words in (
        ("rollback", ROLLBACK_GOAL_S, (*BACK, "--yes")),
        ("emergency rollback", EMERGENCY_GOAL_S, (*BACK, "--emergency")),
    ):
        run_timed(ground, "rolling deployment", 0.0, "deploy", "--tag", ground.next_tag(), "--detach")
        run_timed(ground, what, goal_s, *words)
        assert {answer.split()[0] for answer in ground.answers()} == {ground.tags[-2]}
        ground.tags.append(ground.tags.pop(-2))  # the release before is the newest that is live
    ground.is_well = True

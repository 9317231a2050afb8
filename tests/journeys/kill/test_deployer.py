"""kill -9 of the deployer at moments of a deployment, its window and a rollback: it ends in one known state."""

from __future__ import annotations

import pytest

from journeys.kill.field import Field, Strike

pytestmark = pytest.mark.journey

DEPLOYING = [
    Strike("put_backup", "before"),
    Strike("switched", "before"),
    Strike("set_release_state"),
    pytest.param(Strike("done go-*-migrate", "before"), marks=pytest.mark.slow),
    pytest.param(Strike("done go-*-start", "before"), marks=pytest.mark.slow),
]
GOING_BACK = [
    Strike("done return-*-start", "before"),
    pytest.param(Strike("switched", "before"), marks=pytest.mark.slow),
]


@pytest.mark.parametrize("strike", DEPLOYING, ids=str)
def test_a_deployment_whose_runner_is_killed_ends_well_by_itself(ground: Field, strike: Strike) -> None:
    done, _ = ground.deploy(strike)
    assert ground.has_struck()
    assert done.code == 0, done
    ground.assert_all_is_well(ground.tags[-1], states=["accepted"], switches=1)


@pytest.mark.parametrize("strike", GOING_BACK, ids=str)
def test_a_rollback_whose_runner_is_killed_ends_well_by_itself(ground: Field, strike: Strike) -> None:
    before = ground.live
    ground.deploy(Strike(who="nobody"))
    done, _ = ground.rollback(strike)
    assert ground.has_struck()
    assert done.code == 0, done
    ground.assert_all_is_well(before, states=["observing"], switches=1)


def test_a_window_whose_monitor_is_killed_goes_on_and_says_what_it_did_not_see(ground: Field) -> None:
    done, _ = ground.deploy(Strike("add_samples"))
    assert ground.has_struck()
    run = ground.settled()
    assert run["state"] in ("accepted", "inconclusive"), run
    if run["state"] == "inconclusive":
        assert done.code == 4, done
        ground.service.mobius("accept", expect=0)
    ground.assert_all_is_well(ground.tags[-1], switches=1)

"""kill -9 of the supervisor and of the front door while a release goes out or comes back."""

from __future__ import annotations

import pytest

from journeys.kill.field import Field, Strike

pytestmark = pytest.mark.journey


@pytest.mark.parametrize(
    "strike",
    [
        Strike("begin go-*-switch", who="host"),
        pytest.param(Strike("begin go-*-start", who="host"), marks=pytest.mark.slow),
        pytest.param(Strike("begin go-*-switch", who="door"), marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_a_deployment_outlives_its_house(ground: Field, strike: Strike) -> None:
    done, _ = ground.deploy(strike)
    assert ground.has_struck()
    assert done.code == 0, f"{done}\n{ground.service.log()}"
    ground.assert_all_is_well(ground.tags[-1], states=["accepted"], switches=1)


@pytest.mark.parametrize(
    "strike",
    [
        Strike("begin return-*-switch", who="door"),
        pytest.param(Strike("begin return-*-switch", who="host"), marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_a_rollback_outlives_its_house(ground: Field, strike: Strike) -> None:
    before = ground.live
    ground.deploy(Strike(who="nobody"))
    done, _ = ground.rollback(strike)
    assert ground.has_struck()
    assert done.code == 0, f"{done}\n{ground.service.log()}"
    ground.assert_all_is_well(before, states=["observing"], switches=1)


def test_a_supervisor_that_dies_when_nothing_goes_on_is_missed_by_status(ground: Field) -> None:
    done, _ = ground.deploy(Strike("set_release_state", who="host"))
    assert ground.has_struck()
    assert done.code == 0, done
    assert not ground.service.host.is_running()
    ground.start_a_house_that_nobody_needed()
    ground.assert_all_is_well(ground.tags[-1], states=["accepted"], switches=1)

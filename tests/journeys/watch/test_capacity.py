"""A release that bears a tenth of the users and slows down under half of them: the stage that shows it returns it."""

from __future__ import annotations

from pathlib import Path

import pytest

from journeys.canary.staged import set_stages, told
from journeys.watch.ward import PATIENT_S, Ward

pytestmark = [pytest.mark.journey, pytest.mark.slow]

# At once: of 80 a second that take 0.2 s each, a tenth are about 2, half are 8.
MOST = 5


def test_what_is_slow_only_under_half_of_the_users_is_found_there_and_taken_back(tmp_path: Path) -> None:
    with Ward(tmp_path, rate=80.0, clients=40, takes_s=0.2) as ward:
        set_stages(ward.service, least="10s", most="240s")
        tag = ward.next_tag()
        with ward.told(tag, kind="narrow", most=MOST):
            done = ward.service.mobius("deploy", "--tag", tag, "--canary", "10,50", timeout_s=PATIENT_S)
        assert done.code == 12, done
        assert [stage["percent"] for stage in told(ward.service, "stage opened")] == [10, 50]
        [verdict] = told(ward.service, "verdict")
        assert "slower than" in verdict["sentence"]
        assert "in the stage of 50 %: " in verdict["sentence"]
        assert ward.service.get("/")["release"] == "v1"

"""How long requests would wait, and when a hold that ran out is given up."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobius.model.settings import DoorSettings, EnvironmentSettings, HealthSettings
from mobius.model.verdict import Outcome
from mobius.rules.holding import expected_hold_s, is_sooner_back, migrating_check

SETTINGS = EnvironmentSettings(
    "production",
    "http://127.0.0.1:5001",
    root=Path("/srv"),
    health=HealthSettings(successes=2, interval_s=1.0, min_healthy_s=3.0),
    door=DoorSettings(hold_max_requests=500, hold_max_bytes=8 << 20),
)


def test_a_hold_for_the_schema_is_told_before_anybody_waits() -> None:
    check = migrating_check(SETTINGS, ["002_titles"], 30.0)

    assert check is not None and check.outcome is Outcome.PASS
    assert check.message == (
        "unless the previous release works on the new schema, requests wait about 5 s and for as long as the"
        " migrations take (at most 30 s, 500 requests, 8 MiB; others get 503); a lock is waited for no longer than the"
        " hold while nothing is migrated"
    )
    assert check.advice == ""


def test_a_hold_that_is_shorter_than_a_start_says_where_to_make_it_longer() -> None:
    check = migrating_check(SETTINGS, ["002_titles"], 2.0)

    assert check is not None and check.outcome is Outcome.PASS
    assert check.advice == "hold in [migrations] of mobius.toml lets them wait longer"
    assert expected_hold_s(SETTINGS) > 2.0


@pytest.mark.parametrize(("pending", "hold_s"), [((), 30.0), (("002_titles",), 0.0)])
def test_where_nobody_waits_nothing_is_told(pending: tuple[str, ...], hold_s: float) -> None:
    assert migrating_check(SETTINGS, pending, hold_s) is None


@pytest.mark.parametrize(
    ("held_s", "forward_s", "back_s", "back"),
    [
        (29.0, 40.0, 4.0, False),  # nobody is turned away yet
        (31.0, 10.0, 4.0, True),
        (31.0, 4.0, 4.0, False),
        (31.0, 3.0, 4.0, False),
    ],
)
def test_a_hold_that_ran_out_is_given_up_only_where_going_back_is_sooner_over(
    held_s: float, forward_s: float, back_s: float, back: bool
) -> None:
    assert is_sooner_back(held_s=held_s, hold_s=30.0, forward_s=forward_s, back_s=back_s) is back

"""What a rehearsal measured is judged: on the way back that would be taken, against its target."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mobius.model.plan import Plan, Way, WayBack
from mobius.model.proven import Proven
from mobius.model.release import BackupRecord
from mobius.model.trial import OpenWay
from mobius.rules.choosing import AFTER
from mobius.rules.rehearsing import Measured, TooSlow, counts, slow_restore, too_slow, way_back_s

CODE = WayBack(AFTER, Way.CODE_ALONE, (), 1.0, "nothing")
RESTORE = WayBack(AFTER, Way.RESTORE, (), 12.0, "every write since the backup")
MEASURED = Measured(backup_s=100.0, restore_s=400.0, boot_s=120.0, health_s=3.0)


def plan(*ways: WayBack, auto_restore: bool = False, previous_id: str = "v1-1a2b") -> Plan:
    facts = {"auto_restore": auto_restore}
    return Plan(
        "deploy",
        "dhash",
        "production",
        "v2",
        "v2-3c4d",
        previous_id,
        "blue",
        "green",
        (),
        ways,
        (),
        facts=facts,
    )


def judged(asked: Plan, measured: Measured = MEASURED, within_s: float = 600.0) -> TooSlow | None:
    return too_slow(asked, measured, rollback_within_s=within_s, emergency_within_s=300.0)


def test_going_back_with_data_takes_the_emergency_backup_the_restore_the_start_and_the_switch() -> None:
    assert way_back_s(RESTORE, MEASURED) == 100 + 400 + 120 + 1
    assert way_back_s(RESTORE, replace(MEASURED, boot_s=0.0)) == 100 + 400 + 3 + 1


def test_other_ways_take_what_the_plan_says() -> None:
    assert way_back_s(CODE, MEASURED) == 1.0


def test_data_of_any_size_stops_nobody_while_code_alone_is_the_way_that_is_taken() -> None:
    assert judged(plan(CODE, RESTORE)) is None
    assert judged(plan(CODE, RESTORE, auto_restore=True)) is None
    assert slow_restore(plan(CODE, RESTORE), MEASURED, rollback_within_s=600.0) == 621.0
    assert slow_restore(plan(CODE, RESTORE), MEASURED, rollback_within_s=700.0) == 0.0
    assert slow_restore(plan(CODE), MEASURED, rollback_within_s=600.0) == 0.0


def test_data_that_goes_back_without_asking_must_hold_the_target() -> None:
    asked = plan(CODE, RESTORE, auto_restore=True)
    found = too_slow(asked, MEASURED, rollback_within_s=600.0, emergency_within_s=300.0, data_unasked=True)
    assert found == TooSlow(Way.RESTORE, 621.0, 600.0, "rollback_within")


def test_where_only_the_data_brings_back_the_emergency_target_is_judged_first() -> None:
    assert judged(plan(RESTORE, auto_restore=True)) == TooSlow(Way.RESTORE, 621.0, 300.0, "emergency_within")


@pytest.mark.parametrize(("restore_s", "missed"), [(79.0, False), (80.0, True)])
def test_a_target_is_missed_when_it_is_passed_and_not_when_it_is_met(restore_s: float, missed: bool) -> None:
    measured = Measured(backup_s=100.0, restore_s=restore_s, boot_s=120.0)
    assert (judged(plan(RESTORE, auto_restore=True), measured) is not None) is missed


def test_the_way_taken_without_asking_has_its_own_target() -> None:
    slow = replace(CODE, expected_s=30.0)
    found = too_slow(plan(slow), MEASURED, rollback_within_s=20.0, emergency_within_s=300.0)
    assert found == TooSlow(Way.CODE_ALONE, 30.0, 20.0, "rollback_within")


def test_a_first_deployment_has_no_way_back_to_judge() -> None:
    assert judged(plan(RESTORE, auto_restore=True, previous_id="")) is None
    assert judged(plan()) is None


BACKUP = BackupRecord(
    "b1.zip", "/b/b1.zip", "aa", 1, 100.0, "v1", 1, "release", rehearsed_at=1000.0, booted=True
)


@pytest.mark.parametrize(
    ("change", "how", "is_reused"),
    [
        ({}, {}, True),
        ({}, {"now": 1600.0}, True),
        ({}, {"now": 1601.0}, False),  # too old
        ({}, {"now": 999.0}, False),  # from the future: the clock was set back, and nobody knows
        ({}, {"within_s": 0.0}, False),
        ({}, {"pending": True}, False),  # these migrations were not tried
        ({"rehearsed_at": 0.0}, {}, False),
        ({"booted": False}, {}, False),
        ({"booted": False}, {"boot": False}, True),
    ],
)
def test_an_earlier_rehearsal_counts_only_for_what_it_proved(
    change: dict[str, object], how: dict[str, object], is_reused: bool
) -> None:
    asked = {"now": 1300.0, "within_s": 600.0, "boot": True, "pending": False, **how}
    assert counts(replace(BACKUP, **change), **asked) is is_reused  # type: ignore[arg-type]


DOWN = WayBack(AFTER, Way.DOWN, (), 10.0, "what was written into the new columns")
OLD_FAILS = Proven((OpenWay(Way.DOWN, True, 30.0, "the new columns"),), old_fails=True)


def test_going_down_takes_the_emergency_backup_and_what_the_way_down_took_on_the_copy() -> None:
    assert way_back_s(DOWN, replace(MEASURED, down_s=30.0)) == 100 + 30 + 1
    assert way_back_s(DOWN, MEASURED) == 10.0, "as planned, where it was not tried"


def test_where_code_alone_was_seen_to_fail_the_way_that_is_judged_is_down() -> None:
    measured = replace(MEASURED, down_s=600.0)
    asked = plan(CODE, DOWN, RESTORE)

    found = too_slow(asked, measured, rollback_within_s=600.0, emergency_within_s=300.0, proven=OLD_FAILS)

    assert found == TooSlow(Way.DOWN, 701.0, 600.0, "rollback_within")
    assert too_slow(asked, measured, rollback_within_s=600.0, emergency_within_s=300.0) is None

"""What a rehearsal of migrations amounts to: the way back that is open, the impact with its reasons, and what stops."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mobius.model.linting import Impact
from mobius.model.plan import Way
from mobius.model.trial import Booted, Broken, DownTrial, Locked, Rows, Trial, TrialStatement
from mobius.rules.trials import judge_trial

WORKS = Booted(True, True, seconds=2.0)
NICK = Broken("SELECT nick FROM users", 'column "nick" does not exist')
FAILS = Booted(
    True, False, "0 of 1 smoke tests passed; notes: status was 500", failed=("notes",), broken=(NICK,)
)
ADD = TrialStatement(
    "3", "ALTER TABLE users ADD COLUMN score int", 0.001, (Locked("users", "AccessExclusiveLock"),)
)
USERS = Rows("users", 1000, 1000, "a", "a", touched=True)
QUIET = Trial("postgresql", "15.5", ("3",), (ADD,), rows=(USERS,), restore_s=9.0)


def test_code_alone_is_the_way_back_when_the_previous_release_works_on_the_migrated_copy() -> None:
    verdict = judge_trial(QUIET, old=WORKS, new=WORKS)
    assert (verdict.way, verdict.impact, verdict.reasons, verdict.stops) == (
        Way.CODE_ALONE,
        Impact.LOW,
        (),
        (),
    )
    assert [(way.way, way.is_open, way.seconds) for way in verdict.ways] == [
        (Way.CODE_ALONE, True, 2.0),
        (Way.DOWN, False, 0.0),
        (Way.RESTORE, True, 9.0),
    ]


def test_what_was_not_tried_is_not_open() -> None:
    verdict = judge_trial(QUIET, old=Booted(False, why="bubblewrap is not installed"), new=Booted(False))
    assert verdict.way is Way.RESTORE
    assert verdict.ways[0].why == "not proven: bubblewrap is not installed"
    assert [way.tried for way in verdict.ways] == [False, True, True]
    assert verdict.stops == ()


def test_migrations_that_could_not_be_tried_prove_nothing() -> None:
    why = "the migrations cannot be cut off: bubblewrap is not installed"
    trial = Trial("sqlite", "", ("0002_more",), restore_s=3.0, not_tried=why)
    verdict = judge_trial(trial, old=Booted(False, why=why), new=Booted(False, why=why))
    assert [(way.is_open, way.tried) for way in verdict.ways] == [
        (False, False),
        (False, False),
        (True, True),
    ]
    assert (verdict.way, verdict.impact, verdict.reasons) == (
        Way.RESTORE,
        Impact.MEDIUM,
        (f"not proven: {why}",),
    )


def test_a_release_that_fails_on_the_copy_needs_a_hold_or_stops() -> None:
    down = DownTrial(True, 0.4, rows=(USERS,))
    verdict = judge_trial(replace(QUIET, down=down), old=FAILS, new=WORKS)
    assert (verdict.way, verdict.impact) == (Way.DOWN, Impact.HIGH)
    assert verdict.stops == (
        "the previous release fails on the migrated copy: 0 of 1 smoke tests passed; notes: status was 500"
        ' (SELECT nick FROM users: column "nick" does not exist)',
    )
    assert verdict.advice == (
        "make the change in two releases, the first of which works with the old schema and the new; or set"
        " migrations.hold, and requests wait while code and data go back together",
    )
    assert judge_trial(replace(QUIET, down=down), old=FAILS, new=WORKS, hold_s=10).stops == ()


@pytest.mark.parametrize(
    ("down", "why"),
    [
        (DownTrial(False), "not every migration has a way down"),
        (
            DownTrial(True, error="column nick does not exist"),
            "the way down fails: column nick does not exist",
        ),
        (
            DownTrial(True, rows=(Rows("users", 1000, 1000, "a", "b"),)),
            "the way down loses data: users has as many rows, and other values in them",
        ),
        (
            DownTrial(True, rows=(Rows("users", 1000, 999, "a", "b"),)),
            "the way down loses data: 1 row of users is gone",
        ),
        (
            DownTrial(True, schema_differs="index users_nick is missing"),
            "the way down leaves another schema: index users_nick is missing",
        ),
    ],
)
def test_a_way_down_counts_only_when_it_gave_everything_back(down: DownTrial, why: str) -> None:
    way = judge_trial(replace(QUIET, down=down), old=FAILS, new=WORKS, hold_s=5).ways[1]
    assert (way.is_open, way.why) == (False, why)


def test_rows_that_came_and_stay_are_no_loss_of_a_way_down_where_all_others_are_there() -> None:
    there = DownTrial(True, rows=(Rows("content_types", 40, 42, "a", "b", only_more=True),))
    assert judge_trial(replace(QUIET, down=there), old=FAILS, new=WORKS, hold_s=5).ways[1].is_open
    others = DownTrial(True, rows=(Rows("content_types", 40, 42, "a", "b"),))
    way = judge_trial(replace(QUIET, down=others), old=FAILS, new=WORKS, hold_s=5).ways[1]
    assert (way.is_open, way.why) == (False, "the way down loses data: content_types has 2 rows more")


def test_rows_that_no_statement_names_stop_the_deployment() -> None:
    lost = Rows("orders", 1_000_000, 0, "a", "", touched=False)
    verdict = judge_trial(replace(QUIET, rows=(USERS, lost)), old=WORKS, new=WORKS)
    assert verdict.stops == ("1,000,000 rows of orders are gone, though no statement names it",)
    assert verdict.impact is Impact.HIGH


def test_a_migration_that_fails_on_the_copy_stops() -> None:
    broken = replace(ADD, error="check positive is violated by some row")
    verdict = judge_trial(replace(QUIET, statements=(broken,)), old=WORKS, new=WORKS)
    assert verdict.stops == ("the migration fails on the copy: check positive is violated by some row",)
    assert verdict.advice == ("mend 3, or the rows that it stumbles over: nothing live was changed",)


def test_what_a_failed_migration_left_is_not_judged_further() -> None:
    broken = replace(ADD, error="check positive is violated by some row")
    lost = Rows("orders", 5, 0, touched=False)
    trial = replace(QUIET, statements=(broken,), rows=(lost,))
    assert len(judge_trial(trial, old=FAILS, new=FAILS).stops) == 1


def test_a_new_release_that_fails_on_the_migrated_copy_stops_whatever_the_hold() -> None:
    verdict = judge_trial(QUIET, old=WORKS, new=FAILS, hold_s=30)
    assert verdict.stops == (
        "the new release fails on the migrated copy: 0 of 1 smoke tests passed; notes: status was 500"
        ' (SELECT nick FROM users: column "nick" does not exist)',
    )
    [advice] = verdict.advice
    assert advice.startswith("the migration and the release do not fit each other: mend either; ")


def test_the_ways_by_data_take_as_long_as_their_work_and_the_start_of_the_release() -> None:
    down = DownTrial(True, 0.5, rows=(USERS,))
    verdict = judge_trial(replace(QUIET, down=down), old=WORKS, new=WORKS, start_s=1.5)
    assert [way.seconds for way in verdict.ways] == [2.0, 2.0, 10.5]


def test_waits_are_said_with_who_waits_and_how_long() -> None:
    slow = TrialStatement("4", "UPDATE users SET score = 0", 9.0, (), ("users",), 599_000_000, 9.0, 0.4)
    verdict = judge_trial(replace(QUIET, statements=(slow,), queue_blocked_s=1.9), old=WORKS, new=WORKS)
    assert verdict.impact is Impact.HIGH
    assert verdict.reasons == (
        "UPDATE users SET score = 0: nobody can read for 9.00 s",
        "UPDATE users SET score = 0: nobody can write for 0.40 s",
        "UPDATE users SET score = 0: writes all of users anew (599 MB of log)",
        "behind an open query, readers wait 1.90 s and more: its own lock_timeout is longer, or none",
    )


def test_a_migration_that_gives_way_is_weighed_by_how_long_a_live_one_waits() -> None:
    def behind(seconds: float) -> tuple[Impact, tuple[str, ...]]:
        trial = replace(QUIET, statements=(ADD,), queue_blocked_s=seconds, gives_way=True)
        verdict = judge_trial(trial, old=WORKS, new=WORKS)
        return verdict.impact, verdict.reasons

    words = "behind an open query, readers wait {} s at most: then it gives way, and is tried again"
    assert behind(5.0) == (
        Impact.MEDIUM,
        (words.format("5") + " (shorter: migrations.lock_timeout)",),
    )
    assert behind(0.8) == (Impact.LOW, (words.format("0.8"),))
    assert behind(0.05) == (Impact.LOW, ())


def test_what_nobody_feels_is_no_reason() -> None:
    quick = replace(ADD, read_blocked_s=0.02, write_blocked_s=0.05)
    assert (
        judge_trial(replace(QUIET, statements=(quick,), queue_blocked_s=0.05), old=WORKS, new=WORKS).reasons
        == ()
    )

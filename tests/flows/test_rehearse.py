"""The rehearsal of a deployment: what it says, what it stops, and what it does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mobius.errors import GateFailed, UsageError
from mobius.flows.actions.rehearsing import rehearse as rehearse_step
from mobius.flows.back_up import back_up
from mobius.flows.record import Record
from mobius.flows.rehearse import rehearse
from mobius.flows.status import status
from mobius.model.run import Event, RunState
from mobius.model.settings import RehearsalSettings
from mobius.ports import nothing
from world import SETTINGS, World

BOOT = replace(SETTINGS, rehearsal=RehearsalSettings(boot=True))
BOOTED = {"booted": True, "not_proven": "", "boot_s": 1.2, "rto_s": 3.2, "rpo_s": 41.0}
BOOTED |= {"smoke": [{"name": "front page", "outcome": "PASS", "message": "200", "duration_ms": 3.0}]}


def world(settings: Any = BOOT, **found: Any) -> World:
    """Where v1 is live, and the next rehearsals find this."""
    made = World(settings=settings)
    made.deploy("v1")
    made.backups.rehearsal = found
    return made


def rehearsed(of: World, run_id: int = 0) -> Event:
    return next(event for event in reversed(of.journal.events(run_id=run_id)) if event.kind == "rehearsed")


def test_a_deployment_boots_the_previous_release_and_says_how_long_going_back_takes() -> None:
    of = world(**BOOTED)
    run = of.deploy("v2")
    assert run.state is RunState.ACCEPTED
    event = rehearsed(of, run.id)
    assert event.message == (
        "run2.zip restored in 2 s and checked; its release booted on it in 1.2 s, 1 smoke test passed;"
        " back in 3.2 s (RTO); data 41 s old (RPO)"
    )
    assert (event.data["proven"], event.data["booted"]) == (True, True)
    known = next(b for b in of.journal.backups("production") if b.name == "run2.zip")
    assert (known.booted, known.rto_s, known.rpo_s, known.not_proven) == (True, 3.2, 41.0, "")
    assert known.rehearsed_at > 0


def test_what_could_not_be_booted_is_said_and_stops_nothing() -> None:
    of = world(booted=False, not_proven="bubblewrap is not installed: its program bwrap is not on the PATH")
    run = of.deploy("v2")
    assert run.state is RunState.ACCEPTED
    assert (
        "; NOT PROVEN that its release runs on it: bubblewrap is not installed"
        in rehearsed(of, run.id).message
    )
    known = next(b for b in of.journal.backups("production") if b.name == "run2.zip")
    assert (known.booted, known.not_proven[:27]) == (False, "bubblewrap is not installed")
    backup = status(of.ports).backup
    assert backup is not None and not backup.booted and backup.not_proven.startswith("bubblewrap")


def test_a_release_that_does_not_run_on_its_own_backup_stops_the_deployment_with_the_end_of_its_log() -> None:
    failed = "api ended with exit code 3 on the restored copy"
    of = world(booted=False, failed=failed, log=["api: no such column: word.colour"], unseen=["uploads"])
    run = of.deploy("v2")
    assert (run.state, run.exit_code, of.live_tag) == (RunState.REFUSED, 3, "v1")
    assert run.sentence.startswith("v1-") and run.sentence.endswith(
        f" does not run on its own restored backup run2.zip: {failed}"
    )
    ended = next(e for e in of.journal.events(run_id=run.id) if e.kind == "run ended")
    assert ended.data["details"] == ["api: no such column: word.colour"]
    event = rehearsed(of, run.id)
    assert (
        event.message
        == f"run2.zip restored in 2 s and checked; its release does NOT run on it: {failed}; data 0 s old (RPO)"
    )
    assert event.data["proven"] is False
    known = next(b for b in of.journal.backups("production") if b.name == "run2.zip")
    assert (known.rehearsed_at, known.booted, known.not_proven) == (0.0, False, failed)


def test_nobody_who_did_not_ask_for_a_boot_hears_of_it() -> None:
    of = world(replace(SETTINGS, rehearsal=RehearsalSettings(boot=False)))
    run = of.deploy("v2")
    assert rehearsed(of, run.id).message == "run2.zip restored in 2 s and checked; data 0 s old (RPO)"


def test_with_migrations_pending_both_releases_are_started_unless_that_is_switched_off() -> None:
    of = world(SETTINGS)
    [step] = [step for step in of.plan("v2").rollout if step.action == "rehearse"]
    assert step.params["boot"] == "auto" and "then boot v1" in step.title
    run = of.deploy("v2")
    assert of.backups.asked_to_boot[-1] is None, "as the settings say, so that it stops nothing by itself"
    assert "NOT PROVEN that its release runs on it" in rehearsed(of, run.id).message
    without = replace(SETTINGS, rehearsal=RehearsalSettings(boot=False))
    [off] = [step for step in world(without).plan("v2").rollout if step.action == "rehearse"]
    nothing_pending = world(replace(SETTINGS, migrations=None)).plan("v2")
    [idle] = [step for step in nothing_pending.rollout if step.action == "rehearse"]
    assert "boot" not in off.params and "boot" not in idle.params


def test_a_way_back_that_takes_longer_than_it_may_stops_the_deployment_before_traffic_moves() -> None:
    of = world(replace(SETTINGS, emergency_within_s=0.5))
    run = of.deploy("v2")
    assert (run.state, run.exit_code, of.live_tag) == (RunState.REFUSED, 3, "v1")
    assert run.sentence == (
        "the way back, code alone, would take 1 s by what was measured, and emergency_within is 0.5 s"
    )
    assert "switched" not in {event.kind for event in of.journal.events(run_id=run.id)}


def test_a_restore_that_nobody_takes_without_asking_is_told_when_it_takes_too_long() -> None:
    of = world(SETTINGS, restore_s=700.0)
    run = of.deploy("v2")
    assert run.state is RunState.ACCEPTED
    assert rehearsed(of, run.id).message.endswith(
        "; going back with the data would take 11 min 43 s, longer than rollback_within (10 min);"
        " code alone is the way that is taken"
    )


def test_a_restore_that_is_taken_without_asking_stops_the_deployment_when_it_takes_too_long() -> None:
    of = world(replace(SETTINGS, auto_restore=True), restore_s=700.0)
    run = of.deploy("v2")
    assert (run.state, run.exit_code, of.live_tag) == (RunState.REFUSED, 3, "v1")
    assert run.sentence == (
        "the way back, restore, would take 11 min 43 s by what was measured, and rollback_within is 10 min"
    )


def test_the_same_backup_is_not_rehearsed_again_within_the_time_that_it_counts() -> None:
    of = world(
        replace(BOOT, rehearsal=RehearsalSettings(boot=True, reuse_within_s=600.0), migrations=None), **BOOTED
    )
    run = of.deploy("v2")
    step = next(step for step in run.plan.rollout if step.action == "rehearse")
    before = of.clock.now()
    proven = next(b for b in of.journal.backups("production") if b.name == "run2.zip")
    of.journal.put_backup("production", replace(proven, rehearsed_at=before - 300))
    told = rehearse_step(step, Record(run, of.ports))
    assert (told["reused"], told["booted"], told["rto_s"]) == (True, True, 3.2)
    assert of.backups.rehearsed.count("run2.zip") == 1
    assert rehearsed(of, run.id).message == (
        "run2.zip was rehearsed 5 min ago, restored in 2 s and booted: that counts (rehearsal.reuse_within)"
    )


def test_by_hand_it_says_what_was_found_and_writes_it_down() -> None:
    of = world(**BOOTED)
    made = back_up(of.ports, progress=nothing)
    proven, facts = rehearse(of.ports, made.name, progress=nothing)
    assert (proven.name, proven.booted, facts["asked_to_boot"]) == (made.name, True, True)
    assert rehearsed(of).message.startswith(f"{made.name} restored in 2 s and checked; its release booted")


def test_by_hand_a_release_that_does_not_run_is_a_no_and_the_backup_is_proven_no_longer() -> None:
    of = world(**BOOTED)
    made = back_up(of.ports, progress=nothing)
    rehearse(of.ports, made.name, progress=nothing)
    of.backups.rehearsal = {"failed": "front page: 500", "log": ["api: boom"]}
    with pytest.raises(GateFailed) as refused:
        rehearse(of.ports, made.name, progress=nothing)
    assert (refused.value.exit_code, refused.value.details) == (3, ("api: boom",))
    known = next(b for b in of.journal.backups("production") if b.name == made.name)
    assert (known.rehearsed_at, known.booted) == (0.0, False)


def test_migrations_that_lose_what_nobody_names_stop_it() -> None:
    of = world(**BOOTED)
    made = back_up(of.ports, progress=nothing)
    of.backups.rehearsal = {"stops": ["500 rows of orders are gone, though no statement names it"]}
    with pytest.raises(GateFailed) as refused:
        rehearse(of.ports, made.name, progress=nothing)
    meant = (
        "where that is meant, say it: a statement of its own for that table; a rebuild needs foreign keys off"
    )
    assert refused.value.hint == meant
    assert refused.value.message == (
        "the migrations must not run: 500 rows of orders are gone, though no statement names it (on the restored copy);"
        f" {meant}"
    )


def test_by_hand_a_boot_can_be_asked_for_and_left_out() -> None:
    of = world(SETTINGS)
    back_up(of.ports, progress=nothing)
    assert rehearse(of.ports, "", boot=True, progress=nothing)[1]["asked_to_boot"]
    assert not rehearse(of.ports, "", boot=False, progress=nothing)[1]["asked_to_boot"]


def test_by_hand_the_newest_that_one_would_go_back_to_is_taken() -> None:
    of = world(**BOOTED)
    made = back_up(of.ports, progress=nothing)
    of.backups.create(kind="emergency", release=None, run_id=9, progress=nothing)
    assert rehearse(of.ports, "", progress=nothing)[0].name == made.name


def test_where_there_is_no_backup_there_is_nothing_to_rehearse() -> None:
    with pytest.raises(UsageError, match="there is no backup of production to rehearse"):
        rehearse(World().ports, "", progress=nothing)

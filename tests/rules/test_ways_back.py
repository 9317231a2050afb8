"""Every way back is an explicit list of steps, and the one taken without asking is code alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mobius.model.plan import Plan, Step, Way, WayBack
from mobius.model.release import Release
from mobius.model.settings import BackupSettings, EnvironmentSettings, ProcessSettings
from mobius.rules.choosing import AFTER, BEFORE, choose
from mobius.rules.planning import Facts, compose_deploy
from mobius.rules.returning import ReturnFacts, compose_rollback
from mobius.rules.ways_back import Side, side

WEB = ProcessSettings("api", ("serve",))
WORKER = ProcessSettings("mailer", ("mail",), kind="worker")
SETTINGS = EnvironmentSettings(
    "production",
    "http://127.0.0.1:5001",
    root=Path("/srv"),
    processes=(WEB, WORKER),
    backup=BackupSettings(paths=("data",)),
)
V2 = Release("v2-22", "v2", "c2", "d2", "conf")
OLD = Side("v1-11", "blue", (WEB, WORKER))
NEW = Side("v2-22", "green", (WEB, WORKER))
FACTS = Facts(SETTINGS, "dhash", V2, "green", OLD)
RETURN = ReturnFacts(SETTINGS, "dhash", live=NEW, target=OLD, target_tag="v1", warm=True)


def planned(**changed: object) -> Plan:
    return compose_deploy(replace(FACTS, **changed))  # type: ignore[arg-type]


def way(plan: Plan, phase: str, kind: Way = Way.CODE_ALONE) -> WayBack:
    found = plan.way_back(phase, kind)
    assert found is not None
    return found


def told(steps: tuple[Step, ...]) -> list[str]:
    """Each step as "action slot kinds"."""
    return [
        " ".join(
            [
                step.action,
                str(step.params.get("to", step.params.get("slot", ""))),
                *step.params.get("kinds", []),
            ]
        ).strip()
        for step in steps
    ]


def test_before_traffic_the_new_release_only_has_to_leave() -> None:
    assert told(way(planned(), BEFORE).steps) == ["switch blue", "stop green", "mark_live blue"]


def test_after_traffic_users_are_moved_first_and_the_workers_follow_one_release_at_a_time() -> None:
    assert told(way(planned(), AFTER).steps) == [
        "ensure_up blue",
        "switch blue",
        "drain green",
        "stop green worker singleton",
        "start blue worker singleton",
        "mark_live blue",
        "emergency_backup",
        "smoke",
        "stop green",
    ]


def test_what_follows_once_users_are_safe_is_advisory() -> None:
    steps = {step.action: step for step in way(planned(), AFTER).steps}

    assert steps["emergency_backup"].params["advisory"]
    assert steps["smoke"].params["advisory"]


def test_a_restore_keeps_the_present_first_and_holds_requests_while_data_changes() -> None:
    assert told(way(planned(), AFTER, Way.RESTORE).steps) == [
        "emergency_backup",
        "prepare_data",
        "hold",
        "stop green",
        "stop blue",
        "restore_data",
        "start blue web",
        "await_healthy blue",
        "switch blue",
        "release_hold",
        "start blue worker singleton",
        "mark_live blue",
        "smoke",
        "list_lost",
    ]


def test_a_way_down_is_there_only_where_every_migration_has_one() -> None:
    pending = ("002_titles",)

    assert planned(pending=pending).way_back(AFTER, Way.DOWN) is None
    assert planned(can_go_down=True).way_back(AFTER, Way.DOWN) is None
    down = way(planned(pending=pending, can_go_down=True), AFTER, Way.DOWN)
    [step] = [step for step in down.steps if step.action == "down"]
    assert step.params == {"release_id": "v2-22", "names": ["002_titles"]}


def test_each_way_back_says_what_it_loses() -> None:
    plan = planned(pending=("002_titles",), can_go_down=True, restore_s=7.0)

    assert [(w.phase, str(w.way), w.loses) for w in plan.ways_back] == [
        ("before traffic", "code alone", "nothing; the migrated schema stays"),
        ("after traffic", "code alone", "nothing; the migrated schema stays"),
        ("after traffic", "down", "what was written into the new columns and tables"),
        ("after traffic", "restore", "every write since the backup; the emergency backup keeps them"),
    ]
    assert way(plan, AFTER, Way.RESTORE).expected_s == 17.0
    assert {w.proven for w in plan.ways_back} == {"not proven"}


def test_the_first_deployment_can_only_take_the_release_off_traffic() -> None:
    plan = planned(live=Side("", ""))

    assert [w.phase for w in plan.ways_back] == [BEFORE, AFTER]
    assert told(way(plan, AFTER).steps) == ["switch", "stop green", "mark_live"]
    assert way(plan, AFTER).loses == "the service: there is no release to go back to"


def test_every_way_back_ends_with_the_old_release_live_and_the_new_one_failed() -> None:
    for back in planned(pending=("002_titles",), can_go_down=True).ways_back:
        [mark] = [step for step in back.steps if step.action == "mark_live"]
        assert mark.params == {
            "release_id": "v1-11",
            "previous_id": "",
            "failed_id": "v2-22",
            "slot": "blue",
        }


def test_nothing_is_taken_back_before_the_first_effect() -> None:
    plan = planned(pending=("002_titles",))
    proven = [step.id for step in plan.rollout if not step.effect]

    assert choose(plan, []) is None
    assert choose(plan, proven) is None


@pytest.mark.parametrize("place", range(16))
def test_the_way_back_is_chosen_by_how_far_the_run_has_come(place: int) -> None:
    plan = planned(pending=("002_titles",), can_go_down=True)
    begun = [step.id for step in plan.rollout[: place + 1]]
    phases = [step.action for step in plan.rollout[: place + 1]]
    touched = any(step.effect for step in plan.rollout[: place + 1])

    chosen = choose(plan, begun)

    assert (chosen is not None) == touched
    if chosen is not None:
        assert chosen.way is Way.CODE_ALONE, "data is never changed without asking"
        assert chosen.phase == (AFTER if "switch" in phases else BEFORE)


def test_a_warm_rollback_is_the_way_back_of_code_alone() -> None:
    assert told(compose_rollback(RETURN).rollout) == told(way(planned(), AFTER).steps)


def test_a_cold_rollback_brings_the_old_release_up_first() -> None:
    plan = compose_rollback(replace(RETURN, warm=False))

    before = told(plan.rollout)[: [step.action for step in plan.rollout].index("switch")]
    assert before == ["stop blue", "ensure_up blue"]


def test_a_rollback_to_a_backup_verifies_it_before_anything_is_touched() -> None:
    plan = compose_rollback(replace(RETURN, backup="/b/x.zip"))

    assert told(plan.rollout)[:4] == ["verify", "restore_release", "emergency_backup", "prepare_data"]
    assert [step.effect for step in plan.rollout[:4]] == [False, False, False, False]
    assert told(plan.rollout)[4] == "hold"
    assert {step.params["backup"] for step in plan.rollout if "backup" in step.params} == {"/b/x.zip"}


def test_a_rollback_has_no_further_way_back_and_watches_for_two_hours() -> None:
    plan = compose_rollback(RETURN)

    assert plan.ways_back == ()
    assert plan.facts["window_s"] == 7200
    assert plan.facts["auto_rollback"] is False


def test_the_hash_of_a_rollback_changes_with_what_it_does() -> None:
    plans = [
        compose_rollback(RETURN),
        compose_rollback(replace(RETURN, warm=False)),
        compose_rollback(replace(RETURN, backup="/b/x.zip")),
        compose_rollback(replace(RETURN, target=replace(OLD, release_id="v0-00"))),
    ]
    assert len({plan.hash for plan in plans}) == 4
    assert compose_rollback(RETURN).hash == plans[0].hash


def test_a_side_without_a_release_is_nobody() -> None:
    assert side(None, "blue", (WEB,)) == Side("", "", (WEB,))
    assert side(V2, "green", [WEB]) == Side("v2-22", "green", (WEB,))

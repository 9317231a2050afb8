"""The plan as data: its order, its hash, and that it is the same after a journey through JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from mobius.model.plan import Plan, PlannedCheck, Repeat
from mobius.model.release import Release
from mobius.model.settings import (
    BackupSettings,
    EnvironmentSettings,
    GateCommand,
    HealthSettings,
    ProcessSettings,
    ReleaseSettings,
)
from mobius.rules.planning import Facts, compose_deploy, with_hash
from mobius.rules.ways_back import Side

WEB = ProcessSettings("api", ("serve",))
WORKER = ProcessSettings("mailer", ("mail",), kind="worker")
SETTINGS = EnvironmentSettings(
    "production",
    "http://127.0.0.1:5001",
    root=Path("/srv"),
    processes=(WEB, WORKER),
    backup=BackupSettings(paths=("data",)),
    checks=(GateCommand("lint", ("lint",)), GateCommand("quality", ("quality",), when="window")),
)
V2 = Release("v2-22", "v2", "c2", "d2", "conf")
V1 = Side("v1-11", "blue", (WEB, WORKER))
NOBODY = Side("", "")
FACTS = Facts(SETTINGS, "dhash", V2, "green", V1)


def actions(plan: Plan) -> list[str]:
    return [step.action for step in plan.rollout]


def test_a_plan_proves_then_brings_up_then_takes_traffic() -> None:
    assert actions(compose_deploy(replace(FACTS, pending=("002_titles",)))) == [
        "gate",
        "stage",
        "backup",
        "verify",
        "rehearse",
        "stop",
        "migrate",
        "start",
        "await_healthy",
        "smoke",
        "switch",
        "drain",
        "stop",
        "start",
        "mark_live",
        "smoke",
    ]


def test_nothing_that_proves_touches_what_serves() -> None:
    plan = compose_deploy(FACTS)

    first = next(place for place, step in enumerate(plan.rollout) if step.effect)
    assert [step.phase for step in plan.rollout[:first]] == ["gate", "stage", "backup", "verify", "rehearse"]
    assert plan.rollout[first].title == "make room (green)"


def test_a_gate_of_the_window_is_not_asked_before() -> None:
    names = [step.params["name"] for step in compose_deploy(FACTS).rollout if step.action == "gate"]
    assert names == ["lint"]


def test_workers_of_the_old_release_stop_before_those_of_the_new_one_start_and_after_the_switch() -> None:
    plan = compose_deploy(FACTS)

    workers = [(step.action, step.params["slot"]) for step in plan.rollout if step.phase == "workers"]
    assert workers == [("stop", "blue"), ("start", "green")]
    assert actions(plan).index("switch") < [step.phase for step in plan.rollout].index("workers")


def test_the_first_deployment_drains_and_stops_nobody() -> None:
    plan = compose_deploy(replace(FACTS, live=NOBODY))

    assert "drain" not in actions(plan)
    assert [step.action for step in plan.acceptance] == ["prune"]
    assert plan.previous_id == "" and plan.previous_slot == ""


def test_the_first_deployment_without_data_needs_no_backup() -> None:
    settings = replace(SETTINGS, backup=BackupSettings())

    assert "backup" not in actions(compose_deploy(replace(FACTS, settings=settings, live=NOBODY)))
    assert "backup" in actions(compose_deploy(replace(FACTS, live=NOBODY)))
    assert "backup" in actions(compose_deploy(replace(FACTS, settings=settings)))


def test_every_step_has_an_id_of_its_own_that_says_where_it_stands() -> None:
    plan = compose_deploy(replace(FACTS, pending=("002_titles",), can_go_down=True))

    steps = [*plan.rollout, *plan.acceptance, *(step for way in plan.ways_back for step in way.steps)]
    assert len({step.id for step in steps}) == len(steps)
    assert plan.rollout[0].id == "go-01-gate"
    assert plan.step("go-09-await-healthy") == plan.rollout[8]
    assert plan.step("go-99-nothing") is None


def test_what_can_be_observed_is_looked_at_before_it_is_repeated() -> None:
    plan = compose_deploy(replace(FACTS, pending=("002_titles",)))

    observable = {step.action for step in plan.rollout if step.repeat is Repeat.OBSERVABLE}
    assert observable == {"stage", "backup", "migrate", "switch"}


def test_the_same_facts_have_the_same_hash() -> None:
    assert compose_deploy(FACTS).hash == compose_deploy(FACTS).hash
    assert len(compose_deploy(FACTS).hash) == 16


OTHERWISE: dict[str, Facts] = {
    "another commit": replace(FACTS, release=replace(V2, commit="c3")),
    "another content": replace(FACTS, release=replace(V2, content_digest="d3")),
    "another configuration": replace(FACTS, release=replace(V2, config_digest="other")),
    "another tag": replace(FACTS, release=replace(V2, tag="v2.0.1")),
    "a migration": replace(FACTS, pending=("002_titles",)),
    "another slot": replace(FACTS, slot="purple"),
    "another live release": replace(FACTS, live=replace(V1, release_id="v0-00")),
    "nothing live": replace(FACTS, live=NOBODY),
    "another gate": replace(FACTS, settings=replace(SETTINGS, checks=(GateCommand("lint", ("lint", "-x")),))),
    "another build": replace(
        FACTS, settings=replace(SETTINGS, release=ReleaseSettings(build=(("make", "all"),)))
    ),
    "another health gate": replace(FACTS, settings=replace(SETTINGS, health=HealthSettings(successes=9))),
    "another window": replace(FACTS, settings=replace(SETTINGS, window_s=60.0)),
    "no rollback by itself": replace(FACTS, settings=replace(SETTINGS, auto_rollback=False)),
    "nothing to restore": replace(FACTS, settings=replace(SETTINGS, backup=BackupSettings())),
    "a dirty tree": replace(FACTS, dirty=True),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_the_hash_changes_with(name: str) -> None:
    assert compose_deploy(OTHERWISE[name]).hash != compose_deploy(FACTS).hash


def test_the_hash_changes_with_a_way_back() -> None:
    pending = replace(FACTS, pending=("002_titles",))
    assert compose_deploy(pending).hash != compose_deploy(replace(pending, can_go_down=True)).hash


SAME: dict[str, Facts] = {
    "the time it was staged": replace(FACTS, release=replace(V2, staged_at=5.0, live_since=6.0)),
    "how long a restore takes": replace(FACTS, restore_s=90.0),
    "the version of the tool": replace(FACTS, tool_version="9"),
}


@pytest.mark.parametrize("name", SAME)
def test_the_hash_does_not_change_with(name: str) -> None:
    assert compose_deploy(SAME[name]).hash == compose_deploy(FACTS).hash


def test_the_hash_holds_the_questions_but_not_what_they_were_answered_with() -> None:
    def asked(name: str, answer: str) -> Facts:
        return replace(FACTS, checks=(PlannedCheck(name, "is there room?", "PASS", answer),))

    assert compose_deploy(asked("disk", "41 GB")).hash == compose_deploy(asked("disk", "40 GB")).hash
    assert compose_deploy(asked("disk", "41 GB")).hash != compose_deploy(asked("port", "41 GB")).hash


COMPOSED: dict[str, Callable[[], Plan]] = {
    "everything": lambda: compose_deploy(replace(FACTS, pending=("002_titles",), can_go_down=True)),
    "the first deployment": lambda: compose_deploy(replace(FACTS, live=NOBODY)),
}


@pytest.mark.parametrize("name", COMPOSED)
def test_a_plan_is_the_same_after_a_journey_through_json(name: str) -> None:
    plan = COMPOSED[name]()

    back = msgspec.json.decode(msgspec.json.encode(plan), type=Plan)

    assert back == plan
    assert with_hash(back).hash == plan.hash


def test_a_plan_of_a_newer_version_can_be_read() -> None:
    plan = compose_deploy(FACTS)
    newer = {**msgspec.to_builtins(plan), "schema_version": 2, "invented_later": [1]}

    assert replace(msgspec.convert(newer, type=Plan), schema_version=1) == plan

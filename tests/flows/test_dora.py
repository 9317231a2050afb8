"""The figures come from the journal alone: what went live, what came back, and when."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mobius.flows.dora import dora_of
from mobius.model.dora import Dora
from mobius.report.dora import dora_json, dora_lines
from world import Script, World


def told_of(world: World, **more: Any) -> Dora:
    return dora_of(world.journal, "production", days=90, now=world.clock.now(), **more)


def test_a_deployment_that_came_back_by_itself_failed_and_its_recovery_is_known() -> None:
    world = World()
    world.deploy("v1")
    world.scripts["v2"] = Script(bad_after=3)
    world.deploy("v2")
    world.clock.wait(3600)
    world.deploy("v3")
    told = told_of(world)
    assert (told.deployments, told.failed, told.stopped) == (3, 1, 0)
    assert told.failed_pct.value == pytest.approx(100 / 3)
    assert told.recovery_s.sample == 1
    assert told.recovery_s.value is not None and told.recovery_s.value > 0


def test_a_rollback_by_a_person_makes_the_release_it_left_a_failed_one() -> None:
    world = World()
    world.deploy("v1")
    world.deploy("v2")
    world.clock.wait(60)
    world.rollback()
    told = told_of(world)
    assert (told.deployments, told.failed) == (2, 1)
    assert told.recovery_s.value is not None and told.recovery_s.value >= 60


def test_the_lead_time_is_from_the_commit_to_all_traffic() -> None:
    world = World()
    committed = world.clock.now() - 5 * 3600
    find = world.releases.find
    world.releases.find = lambda tag: replace(find(tag), committed_at=committed)  # type: ignore[method-assign]
    run = world.deploy("v1")
    assert run.plan.facts["committed_at"] == committed
    told = told_of(world)
    (switched,) = (event.at for event in world.events(run, "switched") if event.data["to"] == run.plan.slot)
    assert told.lead_s.value == switched - committed
    assert told.lead_s.sample == 1


def test_a_plan_does_not_change_because_a_commit_has_a_time() -> None:
    world = World()
    before = world.plan("v1").hash
    find = world.releases.find
    world.releases.find = lambda tag: replace(find(tag), committed_at=1.0)  # type: ignore[method-assign]
    assert world.plan("v1").hash == before


def test_going_back_long_after_a_good_successor_blames_the_successor_alone() -> None:
    world = World()
    for tag in ("v1", "v2", "v3"):
        world.deploy(tag)
    world.rollback()
    told = told_of(world)
    assert (told.deployments, told.failed) == (3, 1)


def test_what_was_stopped_before_any_user_met_it_is_no_deployment() -> None:
    world = World()
    world.deploy("v1")
    world.scripts["v2"] = Script(healthy=False)
    world.deploy("v2")
    told = told_of(world)
    assert (told.deployments, told.failed, told.stopped) == (1, 0, 1)


def test_an_empty_journal_says_that_it_knows_nothing() -> None:
    world = World()
    lines = "\n".join(dora_lines("production", told_of(world)))
    assert "0 deployments, 0 failed" in lines
    assert lines.count("not known: ") == 4


def test_the_object_has_definitions_samples_and_units() -> None:
    world = World()
    world.deploy("v1")
    as_json = dora_json("production", told_of(world))
    for name in ("deployment_frequency", "lead_time", "change_failure_rate", "recovery_time"):
        assert as_json[name].keys() >= {"value", "low", "high", "sample", "why_not", "unit", "definition"}
    assert as_json["lead_time"]["value"] is None
    assert "no time of a commit" in as_json["lead_time"]["why_not"]
    assert max(len(line) for line in dora_lines("production", told_of(world))) <= 80

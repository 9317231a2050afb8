"""What doctor makes of an environment that serves: its clock, its supervisor, its health."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from mobius.adapters.targets.observe import ObserveTarget
from mobius.errors import MobiusError
from mobius.flows.doctor import Surroundings, examine
from mobius.model.verdict import CheckResult, Outcome
from world import SETTINGS, World


class NoCommands:
    def preflight(self) -> tuple[CheckResult, ...]:
        return ()


WELL = Surroundings(installed="0.2", supervisor="0.2", is_git=True, tags=("v1",))


def answers(world: World, around: Surroundings = WELL) -> dict[str, tuple[Outcome, str, str]]:
    return {r.name: (r.outcome, r.message, r.advice) for r in examine(world.ports, around)}


@pytest.fixture
def world() -> World:
    made = World()
    made.deploy("v1")
    return made


def test_a_supervisor_of_another_version_is_to_be_upgraded(world: World) -> None:
    assert answers(world, replace(WELL, supervisor="0.1"))["supervisor"] == (
        Outcome.FAIL,
        "runs version 0.1, 0.2 is installed",
        "mobius host upgrade -e production",
    )


def test_what_is_only_observed_needs_no_repository_and_lacks_nothing_for_being_observed() -> None:
    world = World(replace(SETTINGS, target="observe"))
    found = answers(world, replace(WELL, is_git=False, tags=()))
    assert not {"git", "git tag", "work tree"} & found.keys()
    [told, *_] = ObserveTarget(world.settings, cast(Any, NoCommands())).preflight()
    assert (told.outcome, told.message) == (
        Outcome.PASS,
        "production is only observed: mobius monitor -e production watches what was deployed by other means",
    )


def test_a_supervisor_that_is_gone_while_something_should_be_live_is_to_be_started(world: World) -> None:
    outcome, message, cure = answers(world, replace(WELL, supervisor=""))["supervisor"]
    assert (outcome, cure) == (Outcome.FAIL, "mobius host start -e production")
    assert message.startswith("not running, so v1")


def test_no_supervisor_is_no_lack_before_the_first_deployment() -> None:
    assert answers(World(), replace(WELL, supervisor=""))["supervisor"][0] is Outcome.PASS


def test_a_clock_that_was_set_back_behind_the_journal_is_said(world: World) -> None:
    assert answers(world)["clock"][0] is Outcome.PASS
    world.clock.jump(-7200)
    outcome, message, cure = answers(world)["clock"]
    assert (outcome, cure) == (Outcome.FAIL, "set the clock: timedatectl set-ntp true")
    assert "in the future" in message


def test_a_clock_that_was_never_set_is_said(world: World) -> None:
    world.clock.jump(-world.clock.now())
    assert answers(world)["clock"][1] == "the clock of this machine was never set"


def test_a_chain_that_does_not_hold_could_not_be_measured_and_the_rest_is_still_looked_at(
    world: World,
) -> None:
    class Changed:
        def __getattr__(self, name: str) -> Any:
            return getattr(world.ports.journal, name)

        def verify_chain(self, head: str = "") -> tuple[int, str]:
            raise MobiusError("event 3 was changed", "try: mobius audit verify")

    found = {r.name: r for r in examine(replace(world.ports, journal=Changed()), WELL)}
    broken = found["clock and journal"]
    assert (broken.outcome, broken.message) == (Outcome.ERROR, "event 3 was changed")
    assert broken.advice == "mobius audit verify"
    assert found["supervisor"].outcome is Outcome.PASS


def test_work_that_is_not_committed_is_no_lack_where_that_is_allowed(world: World) -> None:
    dirty = replace(WELL, uncommitted=2)
    release = replace(world.ports.settings.release, source="git")
    ports = replace(world.ports, settings=replace(world.ports.settings, release=release))
    assert "work tree" in {r.name for r in examine(ports, dirty)}
    allowed = replace(ports, settings=replace(ports.settings, release=replace(release, allow_dirty=True)))
    assert "work tree" not in {r.name for r in examine(allowed, dirty)}


def test_a_folder_that_is_no_repository_has_its_cure(world: World) -> None:
    release = replace(world.ports.settings.release, source="git")
    ports = replace(world.ports, settings=replace(world.ports.settings, release=release))
    found = {r.name: r for r in examine(ports, replace(WELL, is_git=False))}
    assert found["git"].advice == "git init && git add -A && git commit -m 'Begin'"

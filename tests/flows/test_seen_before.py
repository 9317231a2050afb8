"""What a rehearsal by hand saw of a release counts in its deployment, also where that starts no release by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mobius.errors import GateFailed
from mobius.flows.plan import refuse_unless_checks_pass
from mobius.model.plan import Plan, PlannedCheck
from mobius.model.settings import MigrationSettings, RehearsalSettings
from mobius.ports import Note
from world import SETTINGS, World

HELD = replace(SETTINGS, migrations=MigrationSettings(hold_s=10.0))


def seen(world: World, old: dict[str, Any], **other: str) -> None:
    """Somebody rehearsed the migrations of v2 by hand."""
    plan = world.plan("v2")
    facts = {"candidate": plan.release_id, "release_id": plan.previous_id, "old": old, **other}
    note = Note("rehearsed", "rehearsed", facts)
    world.journal.say(None, "production", note, now=world.clock.now(), who="ann")


NO_BOOT = replace(SETTINGS, rehearsal=RehearsalSettings(boot=False))


def with_v1(settings: Any = NO_BOOT) -> World:
    world = World(settings=settings)
    world.deploy("v1")
    return world


def checked(plan: Plan) -> PlannedCheck | None:
    return next((check for check in plan.checks if check.name == "old release"), None)


def test_a_release_that_was_seen_to_fail_stops_the_deployment_and_says_what_broke() -> None:
    world = with_v1()
    seen(world, {"tried": True, "works": False, "why": "no such column: nick"})
    plan = world.plan("v2")
    check = checked(plan)
    assert check is not None
    assert check.answer == "v1 was seen to fail on the migrated copy just now: no such column: nick"
    with pytest.raises(GateFailed) as refused:
        refuse_unless_checks_pass(plan)
    assert refused.value.hint.startswith(
        "make it in two releases, or set migrations.hold; mobius migrate rehearse"
    )


def test_one_that_was_seen_to_work_is_said_to() -> None:
    world = with_v1()
    seen(world, {"tried": True, "works": True})
    check = checked(world.plan("v2"))
    assert check is not None
    assert (check.outcome, check.answer) == ("PASS", "v1 was seen to work on the migrated copy just now")


def test_where_the_deployment_tries_it_itself_only_a_release_that_was_seen_to_fail_stops_the_plan() -> None:
    world = with_v1(SETTINGS)
    assert checked(world.plan("v2")) is None
    seen(world, {"tried": True, "works": False, "why": "no such column: nick"})
    check = checked(world.plan("v2"))
    assert check is not None and check.outcome == "FAIL"


def test_what_nobody_tried_is_said_to_be_not_proven() -> None:
    check = checked(with_v1().plan("v2"))
    assert check is not None
    assert check.answer.startswith("not proven: nobody tries whether v1 works on the migrated schema")
    assert check.advice == "mobius migrate rehearse -e production --tag v2"


@pytest.mark.parametrize("other", [{"candidate": "v2-other"}, {"release_id": "v0-1"}])
def test_what_was_seen_of_other_releases_is_not_of_this_one(other: dict[str, str]) -> None:
    world = with_v1()
    seen(world, {"tried": True, "works": False, "why": "no such column: nick"}, **other)
    check = checked(world.plan("v2"))
    assert check is not None
    assert check.answer.startswith("not proven")


@pytest.mark.parametrize(
    "settings",
    [HELD, replace(SETTINGS, rehearsal=RehearsalSettings(boot=True)), replace(SETTINGS, migrations=None)],
)
def test_with_a_hold_or_a_boot_of_its_own_or_nothing_pending_there_is_nothing_to_ask(settings: Any) -> None:
    assert checked(with_v1(settings).plan("v2")) is None

"""After a later migration: what status and rollback say of a release whose schema is not there any more."""

from __future__ import annotations

import pytest

from flows.proven import HELD, rehearsal, ways_taken
from mobius.errors import GateFailed
from mobius.flows.plan_return import plan_rollback
from mobius.flows.status import status
from mobius.model.plan import Way
from mobius.model.run import RunState
from mobius.model.status import WayBackNow
from mobius.ports import Migration
from mobius.report.status import way_back_words
from world import Script, World

INDEX = Migration("003", "003_index", "33" * 32)
MOVED_TWICE = "the schema has moved on since (002_titles, 003_index)"
SEEN = "v1 was seen to fail on it (run 2): no such column: nick"


def after_v2(*, seen: bool = True, **proven: bool) -> World:
    """v1, then v2, which moves the schema: v1 was `seen` to work or to fail on it, as `proven` says."""
    world = World(settings=HELD)
    assert world.deploy("v1").state is RunState.ACCEPTED
    if seen:
        world.backups.rehearsal = rehearsal(**proven)
    assert world.deploy("v2").state is RunState.ACCEPTED
    return world


def after_v3(*third: Migration, seen: bool = True, **proven: bool) -> World:
    """And v3, which brings the `third` migrations, on which v2 works."""
    world = after_v2(seen=seen, **proven)
    world.migrations.offered["v3"] = (*world.migrations.offered["v2"], *third)
    world.backups.rehearsal = rehearsal(old_works=True) if third else {}
    assert world.deploy("v3").state is RunState.ACCEPTED
    return world


def release_id(world: World, tag: str) -> str:
    return next(r.id for r in world.journal.releases("production") if r.tag == tag)


def backup_of(world: World, tag: str) -> str:
    """The newest that holds this release."""
    held = [b.name for b in world.backups.found() if b.release_id == release_id(world, tag)]
    return held[0]


def back_on_v2(world: World) -> World:
    """v3 went bad and was left in an emergency: v1 is the newest good release before v2."""
    world.rollback(emergency=True)
    world.assert_serves("v2")
    return world


def way_back(world: World) -> WayBackNow:
    found = status(world.ports).way_back
    assert found is not None
    return found


def test_code_alone_to_a_release_that_was_seen_to_fail_is_not_called_proven_and_restore_is_named() -> None:
    world = back_on_v2(after_v3(INDEX))

    now = status(world.ports)

    command = f"mobius rollback -e production --backup {backup_of(world, 'v1')}"
    assert way_back_words(way_back(world), 0.0, None) == (
        f"code alone, not proven: {MOVED_TWICE}; {SEEN}; with its data: {command}"
    )
    assert now.next == command


@pytest.mark.parametrize("third", [(), (INDEX,)], ids=["v3 migrated nothing", "v3 migrated, too"])
def test_a_plain_rollback_to_it_is_refused_with_the_commands_that_help(third: tuple[Migration, ...]) -> None:
    world = after_v3(*third)
    v1 = release_id(world, "v1")

    plan = plan_rollback(world.ports, to="v1", tool_version="0")
    with pytest.raises(GateFailed) as refused:
        world.begin(plan)

    assert refused.value.exit_code == 3
    assert refused.value.hint == (
        f"mobius rollback -e production --backup {backup_of(world, 'v1')};"
        f" or, although it is not open: mobius rollback -e production --to {v1} --emergency"
    )
    assert SEEN in refused.value.details[0]
    world.assert_serves("v3")


def test_an_emergency_goes_there_all_the_same_and_the_plan_says_what_was_seen() -> None:
    world = back_on_v2(after_v3(INDEX))

    plan = plan_rollback(world.ports, emergency=True, tool_version="0")

    assert plan.checks[-1].answer == f"code alone: not proven: {MOVED_TWICE}; {SEEN}"
    assert "unproven" not in plan.facts, "nobody is asked"
    assert ways_taken(world, world.rollback(emergency=True)) == ["code alone"]
    world.assert_serves("v1")


def test_where_it_was_never_tried_on_the_schema_the_plan_says_so_asks_and_goes_on() -> None:
    world = back_on_v2(after_v3(INDEX, seen=False))

    plan = plan_rollback(world.ports, tool_version="0")

    assert way_back_words(way_back(world), 0.0, None) == f"code alone, not proven: {MOVED_TWICE}"
    assert plan.facts["unproven"] == MOVED_TWICE
    assert plan.checks[-1].answer == f"code alone: not proven: {MOVED_TWICE}"
    assert world.carry_on(world.begin(plan)).state is RunState.ACCEPTED
    world.assert_serves("v1")


def test_what_was_seen_to_work_before_a_later_migration_is_not_proven_after_it() -> None:
    told = way_back(back_on_v2(after_v3(INDEX, old_works=True)))

    assert told.proven_at == 0.0
    assert told.unproven == "the schema has moved on since (003_index)"


def test_what_was_seen_to_work_on_the_schema_as_it_is_stays_proven() -> None:
    world = back_on_v2(after_v3(old_works=True))

    told = way_back(world)

    assert (told.way, told.to, told.unproven) == (Way.CODE_ALONE, "v1", "")
    assert told.proven_at > 0
    assert "unproven" not in plan_rollback(world.ports, tool_version="0").facts


def test_where_nothing_was_migrated_since_it_was_live_nothing_is_asked() -> None:
    world = after_v3()

    told = way_back(world)

    assert (told.way, told.to, told.unproven, told.loses) == (Way.CODE_ALONE, "v2", "", "nothing")
    assert told.proven_at > 0
    assert "unproven" not in plan_rollback(world.ports, tool_version="0").facts


def test_a_release_that_took_its_migration_back_leaves_the_way_to_the_one_before_proven() -> None:
    world = World(settings=HELD)
    world.deploy("v1")
    world.backups.rehearsal = rehearsal()
    world.scripts["v2"] = Script(bad_after=2)
    assert world.deploy("v2").state is RunState.ROLLED_BACK
    assert world.data["migrations"] == []
    world.backups.rehearsal = {}
    world.migrations.offered["v3"] = ()
    assert world.deploy("v3").state is RunState.ACCEPTED

    told = way_back(world)

    assert (told.to, told.unproven) == ("v1", "")
    assert told.proven_at > 0


def test_data_of_before_the_migrations_takes_them_back_and_data_of_after_them_does_not() -> None:
    world = after_v3(INDEX, seen=False)

    def told(tag: str) -> str:
        plan = plan_rollback(world.ports, to=tag, tool_version="0")
        return str(plan.facts.get("unproven", ""))

    world.rollback(backup=backup_of(world, "v1"))
    world.assert_serves("v1")
    assert told("v2") == "the schema has moved on since (002_titles taken back)"
    [emergency] = [b for b in world.backups.found() if b.kind == "emergency"]
    world.rollback(backup=emergency.name)
    world.assert_serves("v3")
    assert (told("v1"), told("v2")) == (MOVED_TWICE, ""), "v2 was seen to work on what v3 migrated"


@pytest.mark.parametrize("seen", [True, False])
def test_after_a_restart_the_schema_has_moved_on_all_the_same(seen: bool) -> None:
    world = after_v3(INDEX, seen=seen)
    for _ in range(2):
        assert world.restart().state is RunState.ACCEPTED

    told = way_back(world)
    plan = plan_rollback(world.ports, to="v1", tool_version="0")

    assert (told.to, told.unproven) == ("v3", ""), "the restarted release fits what it was live on"
    assert [check.outcome for check in plan.checks if check.name == "ways back"] == [
        "FAIL" if seen else "PASS"
    ]
    assert plan.facts.get("unproven", "") == ("" if seen else MOVED_TWICE)


def test_after_a_restart_the_proven_way_down_is_still_the_way_back() -> None:
    world = after_v2()
    world.restart()

    run = world.rollback(to="v1")

    assert (run.state, ways_taken(world, run)) == (RunState.ACCEPTED, ["down"])
    assert world.data["migrations"] == []
    world.assert_serves("v1")


def test_a_migration_that_failed_before_anything_was_applied_has_moved_nothing() -> None:
    world = after_v2(old_works=True)
    world.migrations.offered["v3"] = (*world.migrations.offered["v2"], INDEX)
    world.migrations.broken = {INDEX.name}
    assert world.deploy("v3").state is not RunState.ACCEPTED
    world.assert_serves("v2")

    assert way_back(world).unproven == ""


def test_what_came_back_warm_on_a_schema_that_moved_is_not_proven_by_its_health_alone() -> None:
    world = World()
    world.deploy("v1")
    world.scripts["v2"] = Script(blind_after=0)
    assert world.deploy("v2").state is RunState.INCONCLUSIVE

    told = way_back(world)

    assert (told.expected_s, told.proven_at) == (1.0, 0.0)
    assert told.unproven == "the schema has moved on since (002_titles)"

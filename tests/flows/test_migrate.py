"""Looking at a candidate's migrations, and rehearsing them: what is taken, what is staged, what is written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mobius.errors import BackupInvalid, GateUnknown, MobiusError, UsageError
from mobius.flows.back_up import back_up
from mobius.flows.migrate import Reading, look_at_migrations, rehearse_migrations
from mobius.model.impact import ConfigChange
from mobius.model.linting import Impact
from mobius.model.migrating import MigrationLook, PendingMigration
from mobius.model.run import RunState
from mobius.ports import nothing
from report.migrations_told import FACTS
from world import SETTINGS, World, without_data

TITLES = PendingMigration(
    "002", "002_titles", "002_titles.sql", "22" * 32, "ALTER TABLE posts ADD title text;", True
)
CHANGED = (ConfigChange("app.toml", "port", Impact.MEDIUM, "port goes from 1 to 2"),)
TRIED = {name: FACTS[name] for name in FACTS if name not in ("backup", "sha256", "release_id", "changes")}


def reading(*pending: PendingMigration, problem: MobiusError | None = None) -> Reading:
    def read(_: Path) -> tuple[str, Sequence[PendingMigration]]:
        if problem is not None:
            raise problem
        return "numbered", pending

    return Reading("sql", "sqlite", read)


def look(world: World, tag: str = "v2", by: Reading | None = None, **problem: Any) -> MigrationLook:
    def config() -> tuple[ConfigChange, ...]:
        if "config" in problem:
            raise problem["config"]
        return CHANGED

    return look_at_migrations(tag, world.ports, by or reading(TITLES), config)


def world(**found: Any) -> World:
    """Where v1 is live and was backed up, and the next rehearsals find this."""
    made = World()
    made.deploy("v1")
    made.releases.folders = (
        {("v2", "migrations"): ["002_titles.sql"]} if hasattr(made.releases, "folders") else {}
    )
    back_up(made.ports, progress=nothing)
    live = made.releases.current()[0]
    made.backups.rehearsal = {**TRIED, "migrations": ["002_titles"], "release_id": live, **found}
    return made


def test_looking_changes_nothing_and_tells_everything() -> None:
    of = world()
    before = list(of.effects)
    seen = look(of)
    assert of.effects == before
    assert (seen.layout, seen.live_id, seen.config) == ("numbered", of.releases.current()[0], CHANGED)
    assert [(one.name, one.file) for one in seen.pending] == [("002_titles", "migrations/002_titles.sql")]
    assert [report.file for report in seen.reports] == ["migrations/002_titles.sql"]
    assert seen.restore is not None and not seen.doubts


def test_an_unknown_tag_is_refused() -> None:
    with pytest.raises(UsageError, match="v9"):
        look(world(), "v9")


def test_a_database_that_cannot_be_read_is_a_doubt_and_the_configuration_is_still_weighed() -> None:
    seen = look(world(), by=reading(problem=MobiusError("the database is not there", "mobius doctor")))
    assert seen.doubts == (("the database is not there", "mobius doctor"),)
    assert (seen.pending, seen.config) == ((), CHANGED)


def test_a_configuration_that_cannot_be_read_is_a_doubt_and_the_migrations_are_still_judged() -> None:
    seen = look(world(), config=MobiusError("app.toml is a folder", "mend it"))
    assert seen.doubts == (("the configuration: app.toml is a folder", "mend it"),)
    assert [one.name for one in seen.pending] == ["002_titles"]


def test_without_migrations_only_the_configuration_is_weighed_and_that_is_said() -> None:
    of = World(settings=without_data())
    of.deploy("v1")
    seen = look_at_migrations("v2", of.ports, None, lambda: CHANGED)
    assert (seen.layout, seen.pending, seen.config) == ("", (), CHANGED)
    assert seen.remarks == (
        "no migrations are configured ([migrations] in mobius.toml): only the configuration is weighed",
    )


def rehearse(of: World, seen: MigrationLook | None = None, **how: Any) -> MigrationLook:
    return rehearse_migrations(seen or look(of), of.ports, progress=nothing, **how)


def test_the_newest_good_backup_is_taken_and_the_candidate_staged_and_nothing_that_serves_is_touched() -> (
    None
):
    of = world()
    newest = of.backups.found()[0].name
    began = len(of.effects)
    seen = rehearse(of)
    assert of.backups.rehearsed == [*of.backups.rehearsed[:-1], newest]
    assert of.releases.is_staged(seen.release_id)
    touched = {effect.partition(".")[0] for effect in of.effects[began:]}
    assert touched == {"backups", "releases", "journal"}
    of.assert_serves("v1")


def test_what_was_seen_is_written_down_and_the_next_look_knows_it() -> None:
    of = world()
    seen = rehearse(of)
    event = of.journal.last_event("production", ["rehearsed"])
    assert event is not None and event.message.startswith("1 migration in 4.1 s on ")
    assert (event.data["candidate"], event.data["changes"]) == (seen.release_id, [["002_titles", "22" * 32]])
    later = look(of)
    assert later.rehearsal is not None and later.rehearsed_at == event.at
    other = look(of, by=reading(replace(TITLES, sha256="33" * 32, file="other.sql")))
    assert other.rehearsal is not None  # it is the candidate that was rehearsed, whatever is read of it now


def test_a_rehearsal_of_other_migrations_or_beside_another_live_release_counts_for_nothing() -> None:
    of = world()
    rehearse(of)
    changed = replace(TITLES, sha256="33" * 32)
    assert look(of, "v3", by=reading(changed)).rehearsal is None
    of.deploy("v2")
    assert look(of, "v3").rehearsal is None


def test_of_what_only_its_own_program_knows_another_candidate_was_not_rehearsed() -> None:
    of = world(migrations=["npx knex"])
    by = reading(replace(TITLES, name="npx knex", file=".", sql=None))
    seen = rehearse(of, look(of, by=by))
    assert (seen.pending[0].file, seen.pending[0].sha256) == ("migrations", "")
    assert look(of, by=by).rehearsal is not None
    assert look(of, "v3", by=by).rehearsal is None


def test_a_rehearsal_that_could_try_nothing_is_not_remembered_as_one() -> None:
    of = world(not_tried="no extension postgis")
    rehearse(of)
    assert look(of).rehearsal is None


def test_nothing_pending_rehearses_nothing() -> None:
    of = world()
    began = list(of.effects)
    seen = look(of, by=reading())
    assert rehearse(of, seen) == seen
    assert of.effects == began


def test_where_it_is_not_known_what_is_pending_nothing_is_rehearsed() -> None:
    of = world()
    seen = look(of, by=reading(problem=MobiusError("the database is not there", "mobius doctor")))
    with pytest.raises(GateUnknown, match="the database is not there"):
        rehearse(of, seen)


def test_without_a_backup_the_next_step_is_to_make_one_and_fresh_makes_it() -> None:
    of = world()
    of.backups.archives.clear()
    with pytest.raises(UsageError) as told:
        rehearse(of)
    assert told.value.hint == "mobius backup create -e production, or add --fresh"
    assert rehearse(of, fresh=True).rehearsal is not None
    assert len(of.backups.archives) == 1


def test_fresh_and_a_name_at_once_are_refused() -> None:
    with pytest.raises(UsageError, match="--fresh makes a backup, and --backup names one"):
        rehearse(world(), fresh=True, backup="x.zip")


def test_a_damaged_backup_is_said_before_anything_is_staged() -> None:
    of = world()
    seen = look(of)
    of.backups.damaged.add(of.backups.found()[0].name)
    with pytest.raises(BackupInvalid):
        rehearse(of, seen)
    assert not of.releases.is_staged(seen.release_id)


def test_an_emergency_backup_is_taken_only_by_name() -> None:
    of = world()
    of.clock.wait(60)
    made = of.backups.create(kind="emergency", release=None, run_id=99, progress=nothing)
    assert rehearse(of).rehearsal is not None
    assert of.backups.rehearsed[-1] != made.name
    rehearse(of, backup=made.name)
    assert of.backups.rehearsed[-1] == made.name


def test_an_older_backup_on_which_more_was_pending_is_told() -> None:
    seen = rehearse(world(migrations=["001_posts", "002_titles"]))
    assert (
        "on the backup, which is older, other migrations were pending: 001_posts, 002_titles" in seen.remarks
    )


def test_a_missing_migration_tool_stops_the_plan_where_no_build_could_bring_it() -> None:
    of = world()
    of.migrations.missing = ("alembic",)
    plan = of.plan("v2")
    [check] = [check for check in plan.checks if check.name == "migration tool"]
    assert (check.outcome, check.answer) == (
        "FAIL",
        "alembic is neither in v2 nor where this machine has programs",
    )
    assert "release.build" in check.advice


def test_one_that_the_build_did_not_bring_refuses_the_deployment_before_anything_is_touched() -> None:
    of = World(settings=replace(SETTINGS, release=replace(SETTINGS.release, build=(("make",),))))
    of.deploy("v1")
    of.migrations.missing = ("alembic",)
    plan = of.plan("v2")
    [check] = [check for check in plan.checks if check.name == "migration tool"]
    assert (check.outcome, check.answer) == (
        "PASS",
        "alembic is not on this machine: it is looked for in v2 once that is built",
    )
    run = of.carry_on(of.begin(plan))
    assert (run.state, run.exit_code) == (RunState.REFUSED, 3)
    assert run.sentence.startswith("its migrations cannot be run: alembic is neither in v2 nor")
    of.assert_serves("v1")

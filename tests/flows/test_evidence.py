"""Every run that ended leaves one statement, of the state it ended in; nothing is written twice."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mobius.errors import MobiusError
from mobius.flows.evidence import leave_evidence
from mobius.model.evidence import STATEMENT_TYPE, Written
from mobius.model.run import Run, RunState
from world import Script, World

TOOLS = {"mobius": "9.9", "python": "3.11.7", "system": "Linux"}


class Files:
    """Keeps statements in memory."""

    def __init__(self) -> None:
        self.kept: list[tuple[int, int, Mapping[str, Any]]] = []
        self.full = False

    def write(self, run_id: int, seq: int, statement: Mapping[str, Any]) -> Written:
        if self.full:
            raise MobiusError("the evidence could not be written: the disk is full", "free space")
        self.kept.append((run_id, seq, statement))
        return Written(run_id, Path(f"run-{run_id}.dsse.json"), "aa" * 32, seq, "", "there is no key")


def left(world: World, files: Files) -> list[Written]:
    return list(leave_evidence(world.ports, files, tools=TOOLS, who="ann@box"))


def test_an_accepted_deployment_says_what_was_shipped_how_and_by_whom() -> None:
    world, files = World(), Files()
    run = world.deploy("v1")
    (written,) = left(world, files)
    (run_id, seq, told) = files.kept[0]
    release = world.journal.releases("production")[0]
    said = told["predicate"]
    assert (run_id, run_id) == (run.id, written.run_id)
    assert told["_type"] == STATEMENT_TYPE
    by_name = {one["name"]: one["digest"] for one in told["subject"]}
    assert by_name[f"release {release.id}"]["sha256"] == release.content_digest
    assert by_name[f"audit log to {run.id}:{seq}"] == {"sha256": said["audit"]["hash"]}
    assert (said["run"], said["state"], said["exit_code"], said["lead"]) == (run.id, "accepted", 0, "ann")
    assert said["plan"]["hash"] == run.plan.hash
    assert {step["outcome"] for step in said["steps"]} == {"done"}
    assert said["sentence"].startswith("accepted by ")
    assert said["tools"] == {**TOOLS, "planned_by": "mobius 0"}
    assert "ann@box (pid 4711)" in said["who"]
    assert world.journal.verify_chain(said["audit"]["head"])[0] > seq
    assert said["audit"]["finding"] == ""


def test_the_archive_that_a_deployment_made_is_a_subject_by_its_hash() -> None:
    world, files = World(), Files()
    world.deploy("v1")
    run = world.deploy("v2")
    left(world, files)
    told = next(told for run_id, _, told in files.kept if run_id == run.id)
    (backup,) = (one for one in world.journal.backups("production") if one.run_id == run.id)
    assert {"name": f"backup {backup.name}", "digest": {"sha256": backup.sha256}} in told["subject"]


def test_a_run_that_was_taken_back_says_why() -> None:
    world, files = World(), Files()
    world.deploy("v1")
    world.scripts["v2"] = Script(bad_after=3)
    run = world.deploy("v2")
    assert run.state is RunState.ROLLED_BACK
    left(world, files)
    said = next(told for run_id, _, told in files.kept if run_id == run.id)["predicate"]
    assert (said["state"], said["exit_code"]) == ("rolled back", 12)
    assert said["rollback"]["because"]
    assert said["verdict"]["outcome"] == "FAIL"


def test_nothing_is_written_of_a_run_that_goes_on_or_twice_of_one_that_ended() -> None:
    world, files = World(), Files()
    world.begin(world.plan("v1"))
    assert left(world, files) == []
    world = World()
    world.deploy("v1")
    assert len(left(world, files)) == 1
    assert left(world, files) == []
    (event,) = world.journal.events(kinds=("evidence",))
    assert event.message == "evidence of run 1 is run-1.dsse.json, unsigned: there is no key"
    assert (event.run_id, event.data["run"], event.who) == (0, 1, "ann@box")


def test_what_is_added_to_a_run_after_its_end_gets_evidence_of_its_own() -> None:
    world, files = World(), Files()
    run = world.deploy("v1")
    left(world, files)
    say(world, run)
    (second,) = left(world, files)
    assert second.run_id == run.id
    assert [run_id for run_id, _, _ in files.kept] == [run.id, run.id]
    assert files.kept[1][1] > files.kept[0][1]


def test_the_evidence_of_a_superseded_run_is_left_by_the_next_one() -> None:
    world, files = World(), Files()
    world.deploy("v1")
    waiting = world.begin(world.plan("v2"))
    world.journal.move(waiting, RunState.OBSERVING, note("window opened"), now=world.clock.now())
    world.carry_on(world.begin(world.plan("v3")))
    left(world, files)
    states = {run_id: told["predicate"]["state"] for run_id, _, told in files.kept}
    assert states[waiting.id] == "superseded"


def test_a_full_disk_leaves_nothing_half_and_the_next_try_writes_it() -> None:
    world, files = World(), Files()
    world.deploy("v1")
    files.full = True
    with pytest.raises(MobiusError, match="the disk is full"):
        left(world, files)
    assert world.journal.events(kinds=("evidence",)) == ()
    files.full = False
    assert len(left(world, files)) == 1


def test_a_broken_log_is_told_in_what_is_signed() -> None:
    world, files = World(), Files()
    world.deploy("v1")
    with world.journal._database.writing() as sql:
        sql.execute("DROP TRIGGER events_stay_as_written")
        sql.execute("UPDATE events SET message = 'nothing' WHERE seq = 2")
    left(world, files)
    assert files.kept[0][2]["predicate"]["audit"]["finding"].startswith("the audit log was changed: event 2")


def note(kind: str) -> Any:
    from mobius.ports import Note

    return Note(kind, "so it is")


def say(world: World, run: Run) -> None:
    world.journal.say(world.journal.run(run.id), "production", note("accepted"), now=world.clock.now())

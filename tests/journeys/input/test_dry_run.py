"""`mobius plan` and `deploy --dry-run` look, and change nothing but their own log."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from journeys.input.project import Project
from journeys.service import wait_until

LOG = "deploy-dryrun.log"
# Where a -wal is left, every reader of the journal, SQLite's own shell too, notes in this index how far it reads.
INDEX = "journal.db-shm"
# What the supervisor writes down each half minute, whatever anybody else does.
NOTES = ("traffic.jsonl", "gauges.jsonl")


def tree(folder: Path) -> dict[str, tuple[object, ...]]:
    """Every name below the folder, with mode, time of change, and content; the log's own folder has no time."""
    found: dict[str, tuple[object, ...]] = {}
    for place, names, files in os.walk(folder):
        for path in (Path(place) / name for name in [*names, *files]):
            if path.name == LOG or path.name.startswith(NOTES):
                continue
            about = path.lstat()
            if path.name == INDEX:  # it may not come, go or grow; what it notes of readers may change
                found[str(path.relative_to(folder))] = (oct(about.st_mode), about.st_size)
                continue
            if (
                path.is_dir() and path.name == "run"
            ):  # its time changes with the first of the supervisor's notes
                found[str(path.relative_to(folder))] = (oct(about.st_mode),)
                continue
            what = path.readlink() if path.is_symlink() else ""
            if path.is_file() and not path.is_symlink():
                what = hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path.relative_to(folder))] = (
                oct(about.st_mode),
                about.st_mtime_ns,
                about.st_size,
                what,
            )
    return found


def at_rest(project: Project) -> dict[str, tuple[object, ...]]:
    """The tree once the runner of the last deployment has put its things away and the supervisor wrote that down."""
    run = project.newest_run().id
    wait_until(lambda: project.host.status().jobs[f"run-{run}"].state == "finished", what="the runner to end")
    seen: list[object] = []

    def is_still() -> bool:
        seen.append(tree(project.folder))
        time.sleep(0.5)
        return tree(project.folder) == seen[-1]

    wait_until(is_still, what="the tree to be at rest")
    return tree(project.folder)


def changed(before: dict[str, tuple[object, ...]], after: dict[str, tuple[object, ...]]) -> dict[str, object]:
    """What is different, by name."""
    return {
        name: (before.get(name), after.get(name))
        for name in before.keys() | after.keys()
        if before.get(name) != after.get(name)
    }


@pytest.mark.parametrize("words", [("plan",), ("deploy", "--dry-run"), ("plan", "--json")], ids=" ".join)
def test_a_dry_run_in_a_project_that_was_never_deployed_leaves_only_its_log(
    project: Project, words: tuple[str, ...]
) -> None:
    artifacts = project.folder.parent / "artifacts"
    project.release("v1")
    before = tree(project.folder)

    done = project.mobius(*words, "--tag", "v1", environ={"ARTIFACT_DIR": str(artifacts)}, expect=0)

    assert done.err == ""
    assert changed(before, tree(project.folder)) == {}
    assert [file.name for file in artifacts.iterdir()] == [LOG]
    assert "nothing yet: this is the first deployment" in (artifacts / LOG).read_text()


def test_dry_runs_of_a_live_project_change_nothing_and_agree(project: Project) -> None:
    project.deployed("v1")
    project.release("v2")
    project.folder.joinpath("premerge_artifacts").mkdir(exist_ok=True)
    audit = project.mobius("audit", "verify", expect=0).out
    before = at_rest(project)

    hashes = {project.mobius("plan", "--tag", "v2", "--json", expect=0).json["hash"] for _ in range(3)}
    said = project.mobius("deploy", "--tag", "v2", "--dry-run", expect=0)
    project.mobius("rollback", "--dry-run")

    after = tree(project.folder)
    assert changed(before, after).keys() <= {"premerge_artifacts"}, "its time of change: the log lies in it"
    assert project.mobius("audit", "verify", expect=0).out == audit
    [planned] = hashes
    assert planned in said.out
    project.deploy("v2", "--plan", planned, expect=0)
    assert project.newest_run().plan.hash == planned
    assert project.serves("v2")


def test_a_dry_run_of_what_would_be_refused_says_so_by_its_code(project: Project) -> None:
    project.configure(start='"not-installed"').release("v1")

    done = project.mobius("deploy", "--tag", "v1", "--dry-run")

    assert done.code == 3
    assert "not-installed is not there" in done.out
    assert not (project.root / "journal.db").exists()


def test_the_plan_of_going_back_has_a_hash_that_stays_and_changes_nothing_anywhere(project: Project) -> None:
    project.deployed("v1")
    project.deployed("v2")
    audit = project.mobius("audit", "verify", expect=0).out
    before = at_rest(project)

    plain = [project.mobius("rollback", "--dry-run", "--json", expect=0).json for _ in range(2)]
    [target] = {plan["release_id"] for plan in plain}
    named = project.mobius("rollback", "--to", target, "--dry-run", expect=0)
    project.mobius("restart", "--dry-run", expect=0)
    project.mobius("releases", expect=0)
    project.mobius("freeze", expect=0)

    assert target.startswith("v1-")
    assert len({plan["hash"] for plan in plain}) == 1
    assert plain[0]["hash"] in named.out
    assert f"Plan: take {plain[0]['service']} in production back to v1" in named.out
    assert changed(before, tree(project.folder)).keys() <= {"premerge_artifacts"}
    assert project.mobius("audit", "verify", expect=0).out == audit
    assert project.serves("v2")


def test_the_plan_of_going_back_to_what_is_gone_says_so_by_its_code(project: Project) -> None:
    project.deployed("v1")
    project.deployed("v2")
    target = project.mobius("rollback", "--dry-run", "--json", expect=0).json["release_id"]
    project.root.joinpath("releases", f"{target}.json").unlink()
    before = at_rest(project)

    done = project.mobius("rollback", "--to", target, "--dry-run", expect=3)

    assert f"{target} is not there any more" in done.out
    assert changed(before, tree(project.folder)) == {}

"""A change that breaks one gate is refused for exactly that reason; one that is fine passes; one whose evidence cannot
be had is neither."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from adapters.premerge.checksums import sha256sum
from github_server import TOKEN, GitHubServer
from github_server import github as github
from init.samples import git_in
from journeys.premerge.project import Project
from journeys.service import wait_until
from mobius.adapters.scratch.cut_off import why_not_here
from mobius.host.children import MARK_ROOT
from rules.scanning.shapes import NPM, npm_clean

FAST_HEALTH = 'min_healthy = "0s"\n'
pytestmark = [pytest.mark.journey, pytest.mark.slow]
QUICK = ("--skip", "smoke", "--skip", "backup", "--reason", "not what this is about")
EXPECTED = (
    *("deploy-dryrun.log", "migrate-dryrun.log", "postdeploy-smoketests.log", "test_logging.log"),
    *("premerge.json", "premerge.xml", "premerge.sarif", "premerge.html", "summary.md", "scan.json"),
)


@pytest.fixture
def project(tmp_path: Path, github: GitHubServer) -> Project:
    if shutil.which("node") is None:
        pytest.skip("node is not on this machine")
    github.protect()
    github.files["CODEOWNERS"] = "* @acme/ops\n"
    made = Project(tmp_path, github.env)
    how = "plain" if why_not_here() else "isolated"
    made.edit("mobius.toml", "[premerge]\n", f'[premerge]\nsmoke = "{how}"\n')
    made.commit("Say how it is started")
    return made


def test_a_change_that_is_fine_may_be_merged_by_the_command_line_of_the_documents(project: Project) -> None:
    done = project.run("./scripts/deploy/premerge_orchestration.sh", "--env", "staging")
    assert done.code == 0, done
    report, folder = project.report(), project.folder / "premerge_artifacts"
    assert (report["outcome"], report["mergeable"], report["dirty"]) == ("PASS", True, False)
    assert report["commit"] == git_in(project.folder, "rev-parse", "HEAD").strip()
    assert set(project.answers().values()) == {"PASS"}
    for name in EXPECTED:
        assert (folder / name).stat().st_size > 0, name
    assert list((folder / "monitor_logs").glob("monitor_staging_*.log"))
    (archive,) = (folder / "backup").glob("*.zip")
    assert sha256sum(archive) in Path(f"{archive}.sha256").read_text()
    assert git_in(project.folder, "status", "--porcelain") == ""
    assert TOKEN not in "".join(
        file.read_text(errors="replace")
        for file in folder.rglob("*")
        if file.suffix != ".zip" and file.is_file()
    )
    again = project.run("./scripts/premerge_run.sh", *QUICK, ARTIFACT_DIR="artifacts")
    assert again.code == 0, again
    assert project.answers("artifacts")["smoke"] == "SKIPPED"
    assert "not what this is about" in (project.folder / "artifacts" / "summary.md").read_text()
    assert git_in(project.folder, "status", "--porcelain") == ""


def bad_migration(project: Project, github: GitHubServer) -> None:
    project.write("migrations/002_gone.sql", "DROP TABLE notes;\n")
    project.commit("Drop the notes")


def bad_video(project: Project, github: GitHubServer) -> None:
    project.film(fps=25)


def vulnerable(project: Project, github: GitHubServer) -> None:
    project.vulnerable(NPM)


def unprotected(project: Project, github: GitHubServer) -> None:
    github.classic.clear()


def dirty(project: Project, github: GitHubServer) -> None:
    project.edit("src/api/index.js", "5001", "5003")


def failing_tests(project: Project, github: GitHubServer) -> None:
    project.write("src/api/index.js", "this is no JavaScript")
    project.commit("Break it")


@pytest.mark.parametrize(
    ("breaks", "step"),
    [
        (bad_migration, "migrations"),
        (bad_video, "gates"),
        (vulnerable, "scan"),
        (unprotected, "protection"),
        (dirty, "deploy"),
        (failing_tests, "tests"),
    ],
)
def test_a_change_that_breaks_one_gate_is_refused_for_exactly_that_reason(
    project: Project, github: GitHubServer, breaks: Callable[[Project, GitHubServer], None], step: str
) -> None:
    breaks(project, github)
    done = project.mobius("premerge", *QUICK)
    assert done.code == 3, done
    answers = project.answers()
    assert {name for name, outcome in answers.items() if outcome not in ("PASS", "SKIPPED")} == {step}
    assert (
        project.report()["outcome"] == "FAIL"
        and step in (project.folder / "premerge_artifacts" / "summary.md").read_text()
    )


def test_a_change_that_does_not_start_is_refused_by_its_smoke_tests(project: Project) -> None:
    project.edit("src/api/index.js", '"OK"', '"BROKEN"')
    project.edit("mobius.toml", FAST_HEALTH, 'deadline = "3s"\n' + FAST_HEALTH)
    project.commit("Break the answer")
    done = project.mobius("premerge", "-e", "staging")
    assert done.code == 3, done
    answers = project.answers()
    assert {name for name, outcome in answers.items() if outcome == "FAIL"} == {"smoke"}
    assert answers["backup"] == "ERROR"  # nothing is live, and nothing ran that could be backed up


def test_with_something_live_its_backup_is_made_and_the_migrations_run_on_it(project: Project) -> None:
    try:
        assert project.mobius("deploy", "-e", "staging", "--tag", "HEAD", "--detach").code == 0
        assert project.mobius("accept", "-e", "staging").code == 0
        project.write("migrations/002_more.sql", "ALTER TABLE notes ADD COLUMN author TEXT;\n")
        project.commit("Know who wrote it")
        done = project.mobius(
            "premerge", "--rehearse", "--skip", "smoke", "--reason", "what runs is rehearsed"
        )
        assert done.code == 0, done
    finally:
        project.mobius("host", "stop", "-e", "staging", "--yes")
    said = {step["name"]: step["said"] for step in project.report()["steps"]}
    assert said["backup"].endswith("of what is live") and "rehearsed" in said["migrations"]
    (archive,) = (project.folder / "premerge_artifacts" / "backup").glob("*.zip")
    assert archive.samefile(project.folder / "backups" / "staging" / archive.name)


def no_forge(project: Project, github: GitHubServer) -> None:
    github.fail("GET", 503)


def no_data(project: Project, github: GitHubServer) -> None:
    project.vulnerable(None, knows=npm_clean())


def no_film(project: Project, github: GitHubServer) -> None:
    shutil.rmtree(project.folder / "out")


@pytest.mark.parametrize(
    ("breaks", "step", "outcome"),
    [(no_forge, "protection", "ERROR"), (no_data, "scan", "ERROR"), (no_film, "gates", "INCONCLUSIVE")],
)
def test_a_change_whose_evidence_cannot_be_had_is_neither(
    project: Project,
    github: GitHubServer,
    breaks: Callable[[Project, GitHubServer], None],
    step: str,
    outcome: str,
) -> None:
    breaks(project, github)
    done = project.mobius("premerge", *QUICK, "--json")
    assert done.code == 4, done
    assert project.answers()[step] == outcome
    last = json.loads(done.out.splitlines()[-1])
    assert (last["event"], last["mergeable"], last["steps"]) == (
        "premerge", False, project.report()["steps"],
    )  # fmt: skip


def test_what_is_required_and_was_skipped_is_not_mergeable(project: Project) -> None:
    project.edit("mobius.toml", "[premerge]\n", '[premerge]\nrequired = ["smoke"]\n')
    project.commit("Require the smoke tests")
    done = project.mobius("premerge", *QUICK)
    assert done.code == 4 and project.report()["outcome"] == "INCONCLUSIVE"
    assert project.mobius("premerge", "--skip", "smoke").code == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_killed_at_any_moment_it_says_incomplete_and_leaves_nothing_running(
    project: Project, number: signal.Signals
) -> None:
    assert project.mobius("premerge", *QUICK).code == 0
    assert project.report()["outcome"] == "PASS"
    process = subprocess.Popen(
        [sys.executable, "-m", "mobius", "premerge"],
        cwd=project.folder,
        env=project.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    log = project.folder / ".mobius" / "staging" / "run"
    wait_until(lambda: list(log.glob("rehearsal-*/root/journal.db")), 120, what="the scratch place")
    os.kill(process.pid, number)
    process.communicate(timeout=60)
    assert process.returncode == (130 if number is signal.SIGINT else -number)
    report = project.report()
    assert (report["outcome"], report["mergeable"], report["ended_at"]) == ("INCOMPLETE", False, None)
    wait_until(lambda: not running_in(project.folder), 60, what="everything that was started to end")
    wait_until(lambda: not list(log.glob("rehearsal-*")), 60, what="the scratch place to be taken away")


def running_in(folder: Path) -> list[str]:
    """What still runs in the project, by its environment or its words."""
    found = []
    for process in psutil.process_iter():
        try:
            words, environ = process.cmdline(), process.environ()
        except psutil.Error:
            continue
        if str(folder) in environ.get(MARK_ROOT, "") or (
            any(str(folder) in word for word in words) and "mobius" in " ".join(words)
        ):
            found.append(" ".join(words))
    time.sleep(0.2)
    return found

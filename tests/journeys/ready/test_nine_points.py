"""The nine points on a real project, made by `mobius init`, validated by `mobius premerge`, approved on a GitHub; then
each of them broken in turn, and mended by the command that the answer names."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from github_server import TOKEN, GitHubServer
from github_server import github as github
from init.samples import git_in
from journeys.premerge.project import Project
from journeys.service import Done
from mobius.adapters.scratch.cut_off import why_not_here
from mobius.model.forge import GitHubSettings
from mobius.report.words import iso

pytestmark = [pytest.mark.journey, pytest.mark.slow]
CONTEXTS = GitHubSettings().contexts


@pytest.fixture
def project(tmp_path: Path, github: GitHubServer) -> Project:
    if shutil.which("node") is None:
        pytest.skip("node is not on this machine")
    github.protect()
    github.files["CODEOWNERS"] = "* @acme/ops\n"
    made = Project(tmp_path, {**github.env, "DEPLOY_LEAD": "@ann"})
    how = "plain" if why_not_here() else "isolated"
    made.edit("mobius.toml", "[premerge]\n", f'[premerge]\nsmoke = "{how}"\n')
    made.commit("Say how it is started")
    git_in(made.folder, "tag", "v2.1.0")
    return made


def approved(project: Project, github: GitHubServer, number: int = 7) -> str:
    """The newest commit: brought by a pull request of dora's, approved by two, its checks passed just now."""
    commit = git_in(project.folder, "rev-parse", "HEAD").strip()
    github.open_pull(number, author="dora", head=commit)
    for login in ("olga", "ben"):
        github.approve(number, login)
    for name in CONTEXTS:
        github.run(commit, name)
        github.runs[commit][-1]["completed_at"] = iso(time.time())
    return commit


def ready(project: Project, *words: str) -> Done:
    done = project.mobius("ready", "-e", "production", "--tag", "v2.1.0", *words)
    assert "Traceback" not in done.err, done
    assert TOKEN not in done.out + done.err
    return done


def points(project: Project) -> dict[str, Any]:
    """By point: its outcome, with the code of the whole as "exit"."""
    done = ready(project, "--json")
    told = {point["point"]: point["outcome"] for point in done.json["points"]}
    return {**told, "exit": done.code}


def bad(project: Project) -> dict[str, Any]:
    """Only what did not pass."""
    return {name: outcome for name, outcome in points(project).items() if outcome not in ("PASS", 0)}


def test_nine_points_from_nothing_to_ready_and_back(project: Project, github: GitHubServer) -> None:
    commit = approved(project, github)
    told = points(project)
    assert told["exit"] == 3
    assert (told["premerge"], told["lead"], told["contacts"]) == ("FAIL", "FAIL", "FAIL")

    done = project.mobius("premerge", "-e", "staging")
    assert done.code == 0, done
    for point, by in (("lead", "@ann"), ("contacts", "ben")):
        said = project.mobius("ready", "confirm", point, "-e", "production", "--tag", "v2.1.0", "--by", by)
        assert said.code == 0, said
    assert bad(project) == {}, ready(project)
    shown = ready(project).out
    assert "golden-checks-windows: passed at" in shown
    assert "operations approval: olga of" in shown
    assert max(map(len, shown.splitlines())) <= 80

    # One check of CI failed meanwhile: the newest run counts.
    github.runs[commit][0]["conclusion"] = "failure"
    assert bad(project) == {"ci": "FAIL", "exit": 3}
    github.runs[commit][0]["conclusion"] = "success"

    # The forge does not answer: nobody knows, which is no yes.
    fault = github.fail("GET .*/reviews", 403)
    assert bad(project) == {"approvals": "ERROR", "exit": 4}
    github.faults.remove(fault)
    assert bad(project) == {}

    # An artefact is gone, and one record is of another commit.
    folder = project.folder / "premerge_artifacts"
    (folder / "test_logging.log").rename(folder / "away.log")
    assert bad(project) == {"premerge": "FAIL", "exit": 3}
    (folder / "away.log").rename(folder / "test_logging.log")
    report = json.loads((folder / "premerge.json").read_text())
    (folder / "premerge.json").write_text(json.dumps({**report, "commit": "f" * 40}))
    assert bad(project) == {"premerge": "FAIL", "exit": 3}
    (folder / "premerge.json").write_text(json.dumps(report))

    # Nobody protects the branch any more.
    protection = github.classic.pop("main")
    assert bad(project)["protection"] == "FAIL"
    github.classic["main"] = protection

    # The film that the service renders is too quiet now, or there is none that could be judged.
    for film in (project.folder / "out").glob("*.mp4"):
        film.unlink()
    assert bad(project) == {"gates": "INCONCLUSIVE", "exit": 4}
    project.film()
    assert bad(project) == {}

    # The tag moves to a commit with a placeholder: nothing that was said or measured is of it.
    project.write("runbooks/contacts.md", "Call @DEPLOY_LEAD\n")
    project.commit("Name whom to call")
    git_in(project.folder, "tag", "-f", "v2.1.0")
    github.open_pull(8, author="dora", head=git_in(project.folder, "rev-parse", "HEAD").strip())
    assert set(bad(project)) == {"ci", "premerge", "approvals", "lead", "contacts", "placeholders", "exit"}

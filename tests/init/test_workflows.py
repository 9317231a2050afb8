"""The workflows that `mobius init` writes: strict, pinned, and their steps run here; PowerShell and others' actions
do not. What GitHub's own machines do with them, no test on this one can show."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from github_server import HEAD, TOKEN, GitHubServer
from init.samples import NODE, git_in, lay_out
from init.workflow import BIN, Runner, read
from mobius.cli.main import run
from mobius.model.forge import GitHubSettings

ROOT = Path(__file__).parents[2]
VALIDATION, COMMENT = "premerge-validation.yml", "premerge-comment.yml"
PINNED = re.compile(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not on this machine")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = lay_out(tmp_path_factory.mktemp("written") / "dhash", NODE)
    assert run(["--config", str(made / "mobius.toml"), "init", "--yes"]) == 0
    return made


@pytest.fixture
def project(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "dhash"))


def workflows(project: Path) -> dict[str, dict[str, Any]]:
    folder = project / ".github" / "workflows"
    return {file.name: read(file) for file in sorted(folder.glob("*.yml"))}


def ours() -> list[Path]:
    return sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_the_checks_have_the_names_that_a_merge_needs(project: Path) -> None:
    jobs = workflows(project)[VALIDATION]["jobs"]
    names = [
        re.sub(r"\$\{\{ matrix.name \}\}", each["name"], jobs["golden-checks"]["name"])
        for each in jobs["golden-checks"]["strategy"]["matrix"]["include"]
    ]
    assert sorted([jobs["premerge-validation"]["name"], *names]) == sorted(GitHubSettings().contexts)


def test_zizmor_and_the_schema_of_workflows_find_nothing(project: Path) -> None:
    files = [*map(str, sorted((project / ".github" / "workflows").glob("*.yml"))), *map(str, ours())]
    assert len(files) >= 3
    audit = subprocess.run(
        [BIN / "zizmor", "--offline", "--format", "json", *files], capture_output=True, text=True, timeout=60
    )
    assert (audit.returncode, json.loads(audit.stdout)) == (0, []), audit.stderr
    schema = [BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *files]
    checked = subprocess.run(schema, capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("which", ["written", "ours"])
def test_everything_of_others_is_pinned_nothing_may_more_than_it_needs_and_no_step_takes_text(
    project: Path, which: str
) -> None:
    files = ours() if which == "ours" else sorted((project / ".github" / "workflows").glob("*.yml"))
    for file in files:
        used = re.findall(r"uses: (.*)", file.read_text())
        assert [each for each in used if not PINNED.fullmatch(each)] == []
        workflow = read(file)
        assert workflow["permissions"] == {}
        for job in workflow["jobs"].values():
            assert job["timeout-minutes"] <= 60
            assert set(job["permissions"].values()) <= {"read"} or file.name == COMMENT
            assert [step["name"] for step in job["steps"] if "${{" in step.get("run", "")] == []


def test_only_the_comment_may_write_and_it_never_fetches_the_pull_request(project: Path) -> None:
    text = (project / ".github" / "workflows" / COMMENT).read_text()
    workflow = workflows(project)[COMMENT]
    (job,) = workflow["jobs"].values()
    assert list(workflow["on"]) == ["workflow_run"]
    assert job["permissions"] == {"actions": "read", "contents": "read", "pull-requests": "write"}
    (fetch,) = [step for step in job["steps"] if "git" in step.get("run", "") and "fetch" in step["run"]]
    assert (
        fetch["env"]["COMMIT"] == "${{ github.sha }}"
    )  # with workflow_run: the newest commit of the default branch
    assert "head_branch" not in text and "refs/pull" not in text


# -- the steps, executed -----------------------------------------------------------------------------------------------


def served(project: Path, server: Path) -> str:
    """Puts the project on a server of git, as acme/dhash; returns its commit."""
    bare = server / "acme" / "dhash.git"
    git_in(project, "init", "--quiet")
    git_in(project, "add", "-A")
    git_in(project, "commit", "--quiet", "-m", "Begin")
    subprocess.run(["git", "clone", "--quiet", "--bare", str(project), str(bare)], check=True)
    found = subprocess.run(
        ["git", "-C", str(bare), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    )
    return found.stdout.strip()


def runner(tmp_path: Path, commit: str, environ: dict[str, str] | None = None, **contexts: str) -> Runner:
    usual = {
        "github.token": TOKEN,
        "github.sha": commit,
        "vars.MOBIUS_SOURCE": "",
        "github.event.pull_request.number": "7",
        "needs.golden-checks.result": "success",
    }
    env = {"GITHUB_SERVER_URL": f"file://{tmp_path / 'server'}", "GITHUB_REPOSITORY": "acme/dhash"}
    env["GITHUB_STEP_SUMMARY"] = str(tmp_path / "runner" / "summary.md")
    return Runner(tmp_path / "runner", {**usual, **contexts}, {**env, **(environ or {})})


@needs_bash
def test_the_golden_checks_run_on_a_fresh_machine(project: Path, tmp_path: Path) -> None:
    commit = served(project, tmp_path / "server")
    machine = runner(tmp_path, commit)
    assert machine.run(workflows(project)[VALIDATION], "golden-checks"), machine.done
    assert [name for name, _, _ in machine.done] == [
        "Fetch the commit", "Install mobius", "Check mobius.toml", "Plan the deployment", "Golden checks",
    ]  # fmt: skip
    said = "mobius.toml names no films (media.latest), and there is no golden in tests/golden: nothing was compared"
    assert f"::warning title=golden checks::SKIPPED: {said}" in machine.done[-1][2]
    assert f"**golden checks: SKIPPED: {said}.**" in (tmp_path / "runner" / "summary.md").read_text()
    assert (tmp_path / "runner" / "pip.log").read_text() == "-m pip install --quiet mobius[media]==0.1.0\n"
    assert TOKEN not in "".join(said for _, _, said in machine.done)


@needs_bash
def test_a_service_that_makes_films_and_has_no_golden_fails_the_check(project: Path, tmp_path: Path) -> None:
    config = project / "mobius.toml"
    config.write_text(config.read_text() + '\n[media]\nlatest = "shared/out/*.mp4"\n')
    machine = runner(tmp_path, served(project, tmp_path / "server"))
    assert not machine.run(workflows(project)[VALIDATION], "golden-checks")
    name, code, said = machine.done[-1]
    assert (name, code) == ("Golden checks", 4)
    assert "no golden in tests/golden: nothing was compared" in said and "mobius media golden record" in said


@needs_bash
def test_a_golden_that_cannot_be_compared_fails_the_check(project: Path, tmp_path: Path) -> None:
    (project / "tests" / "golden" / "hanamikoji").mkdir(parents=True)
    (project / "tests" / "golden" / "hanamikoji" / "golden.json").write_text("{}")
    machine = runner(tmp_path, served(project, tmp_path / "server"))
    assert not machine.run(workflows(project)[VALIDATION], "golden-checks")
    assert machine.done[-1][0] == "Golden checks"
    assert machine.done[-1][1] in (3, 4)


@needs_bash
def test_a_mistake_in_mobius_toml_fails_the_check(project: Path, tmp_path: Path) -> None:
    config = project / "mobius.toml"
    config.write_text(config.read_text() + '\n[github]\nreviews = "many"\n')
    machine = runner(tmp_path, served(project, tmp_path / "server"))
    assert not machine.run(workflows(project)[VALIDATION], "golden-checks")
    assert (machine.done[-1][0], machine.done[-1][1]) == ("Check mobius.toml", 2)
    assert "github.reviews" in machine.done[-1][2]


@needs_bash
@pytest.mark.slow
def test_the_validation_leaves_its_artefacts_and_says_no_where_something_is_unknown(
    project: Path, tmp_path: Path
) -> None:
    machine = runner(tmp_path, served(project, tmp_path / "server"))
    passed = machine.run(workflows(project)[VALIDATION], "premerge-validation")
    codes = {name: code for name, code, _ in machine.done}
    kept = tmp_path / "runner" / "work" / "premerge_artifacts"
    assert (kept / "pull_request.txt").read_text() == "7\n"
    assert (kept / "summary.md").read_text().strip()
    found = json.loads((kept / "premerge.json").read_text())
    outcomes = {step["outcome"] for step in found["steps"]}
    assert codes["Validate the change"] == (3 if "FAIL" in outcomes else 4 if "ERROR" in outcomes else 0), (
        machine.done
    )
    assert passed == (codes["Validate the change"] == 0)
    skipped = {step["name"] for step in found["steps"] if step["skipped_by"]}
    assert {"backup", "protection"} <= skipped
    assert codes["Say whether every system agrees"] == 0


@needs_bash
def test_a_system_that_disagrees_fails_the_whole(project: Path, tmp_path: Path) -> None:
    workflow = workflows(project)[VALIDATION]
    steps = workflow["jobs"]["premerge-validation"]["steps"]
    workflow["jobs"]["premerge-validation"]["steps"] = [each for each in steps if "agrees" in each["name"]]
    for result, passes in (("success", True), ("failure", False), ("cancelled", False), ("skipped", False)):
        machine = runner(tmp_path, HEAD, **{"needs.golden-checks.result": result})
        assert machine.run(workflow, "premerge-validation") is passes


def left(tmp_path: Path, number: str, summary: str | None = "# It passed\n") -> None:
    """What the other workflow has left, as download-artifact lays it out."""
    found = tmp_path / "runner" / "temp" / "found"
    found.mkdir(parents=True)
    (found / "pull_request.txt").write_text(number)
    if summary is not None:
        (found / "summary.md").write_text(summary)


def comments(project: Path, tmp_path: Path, github: GitHubServer) -> Runner:
    event = "github.event.workflow_run"
    contexts = {
        f"{event}.head_sha": HEAD,
        f"{event}.conclusion": "success",
        f"{event}.html_url": "https://x.test/run/1",
    }
    machine = runner(
        tmp_path, served(project, tmp_path / "server"), {"GITHUB_API_URL": github.url}, **contexts
    )
    machine.run(workflows(project)[COMMENT], "comment")
    assert TOKEN not in "".join(said for _, _, said in machine.done)
    return machine


@needs_bash
def test_the_comment_is_written_and_the_text_of_the_artefact_is_only_shown(
    project: Path, tmp_path: Path, github: GitHubServer
) -> None:
    github.open_pull(7)
    left(tmp_path, "7\n", f"# It passed\n$(touch {tmp_path}/ran) `touch {tmp_path}/ran` {TOKEN} @ann\n")
    machine = comments(project, tmp_path, github)
    assert machine.done[-1][:2] == ("Write the comment", 0), machine.done
    (made,) = github.comments[7]
    assert made["body"].startswith("<!-- mobius dhash premerge -->\n**premerge-validation: success**")
    assert "written by the code of this pull request" in made["body"]
    assert TOKEN not in made["body"] and "@ann" not in made["body"]
    assert not (tmp_path / "ran").exists()


@needs_bash
@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("8\n", 0),  # another pull request, whose head is not the commit that was tested: nothing is written
        ("99\n", 4),
        ("$(id)\n", 1),
        ("", 1),
        ("../../7", 0),  # only its digits count, and that is the right one
    ],
)
def test_a_number_that_was_forged_gets_no_comment(
    project: Path, tmp_path: Path, github: GitHubServer, number: str, code: int
) -> None:
    github.open_pull(7)
    github.open_pull(8, author="bob", head="e" * 40)
    left(tmp_path, number)
    machine = comments(project, tmp_path, github)
    assert machine.done[-1][1] == code, machine.done[-1]
    assert 8 not in github.comments
    assert (7 in github.comments) == ("7" in number)


@needs_bash
@pytest.mark.parametrize("name", ["summary.md", "pull_request.txt", "anything"])
def test_a_link_among_the_artefacts_shows_no_file_of_the_machine(
    project: Path, tmp_path: Path, github: GitHubServer, name: str
) -> None:
    github.open_pull(7)
    left(tmp_path, "7\n")
    secret = tmp_path / "secret"
    secret.write_text("7 is what nobody may read\n")
    link = tmp_path / "runner" / "temp" / "found" / name
    link.unlink(missing_ok=True)
    link.symlink_to(secret)
    machine = comments(project, tmp_path, github)
    assert machine.done[-1][1] == 1 and "left a link" in machine.done[-1][2]
    assert 7 not in github.comments


@needs_bash
def test_a_validation_that_left_no_summary_is_told(
    project: Path, tmp_path: Path, github: GitHubServer
) -> None:
    github.open_pull(7)
    left(tmp_path, "7\n", None)
    comments(project, tmp_path, github)
    assert "It left no summary." in github.comments[7][0]["body"]

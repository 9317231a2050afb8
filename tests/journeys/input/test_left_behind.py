"""What a deployment leaves behind, what the environment alone can say, and the library that the commands call."""

from __future__ import annotations

import json
import sqlite3
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import mobius
from journeys.input.project import Project
from mobius.errors import GateFailed, GateUnknown, UsageError
from mobius.model.run import RunState


def test_a_deployment_leaves_markers_a_log_smoke_results_and_reports(project: Project) -> None:
    project.deployed("v1")
    began = time.time()
    project.deployed("v2")

    live, before = (project.root / "current").readlink(), (project.root / "previous").readlink()
    assert (live.name[:3], before.name[:3]) == ("v2-", "v1-")
    assert (project.root / "VERSION").read_text() == f"v2 {live.name}\n"

    log = (project.folder / "logs" / "deployment.log").read_text().splitlines()
    assert any("begin  switch: switch traffic to green" in line for line in log)
    assert "accepted: v2-" in log[-1]
    assert all(line[:4].isdigit() and line[10] == "T" and line[23] == "Z" for line in log), (
        "each has its time"
    )

    artifacts = project.folder / "premerge_artifacts"
    assert "front page" in (artifacts / "postdeploy-smoketests.log").read_text()
    suite = ET.parse(artifacts / "postdeploy-smoketests.xml").getroot()
    assert [case.get("name") for case in suite.iter("testcase")] == ["front page"]
    assert not list(suite.iter("failure"))

    run = project.newest_run()
    report = json.loads((project.root / "reports" / f"run-{run.id}.json").read_text())
    page = (project.root / "reports" / f"run-{run.id}.html").read_text()
    said = project.mobius("report", "--run", str(run.id), "--json", expect=0).json
    assert said["headline"] == report["headline"] and said["outcome"] == report["outcome"]
    assert "v2" in page and "http://" not in page.replace(project.url, "").replace("http://www.w3.org", "")
    switched = [event for event in project.events("switched") if event.at >= began]
    assert [event.data["to"] for event in switched] == ["green"]
    assert switched[0].data["failed_requests"] == 0


def test_smoke_and_health_answer_by_their_exit_code(project: Project) -> None:
    assert project.mobius("health").code == 3, "nobody listens"
    project.release("v1", answers=[{"path": "/", "status": 500, "once": "bad"}])
    project.deploy("v1", expect=0)
    junit = project.folder / "out" / "smoke.xml"

    assert project.mobius("smoke", "--junit", str(junit)).code == 0
    assert [case.get("name") for case in ET.parse(junit).getroot().iter("testcase")] == ["front page"]
    (project.shared / "bad").touch()
    failed = project.mobius("smoke", "--junit", str(junit), "--json")
    assert (failed.code, failed.json["outcome"]) == (3, "FAIL")
    [failure] = ET.parse(junit).getroot().iter("failure")
    assert "[status == 200] was 500" in (failure.get("message") or "") + (failure.text or "")
    assert project.mobius("health").code == 0
    project.configure().config.write_text(
        project.config.read_text().replace(project.url, "http://no-such-host.invalid:1")
        + f'listen = "127.0.0.1:{project.port}"\n'
    )
    assert project.mobius("health").code == 4, "a name that cannot be looked up is no answer"
    assert project.mobius("smoke").code == 4


def test_the_environment_alone_says_what_when_and_who(project: Project, tmp_path: Path) -> None:
    """The variables of the operations guide, and no flag but the environment's name."""
    project.configure(window="1h").release("v1")
    environ = {
        "RELEASE_TAG": "v1",
        "DEPLOY_LEAD": "@ada",
        "BACKUP_RETENTION_DAYS": "7",
        "MONITOR_DURATION": "1",
        "AUTO_ROLLBACK": "false",
        "ARTIFACT_DIR": str(tmp_path / "artifacts"),
        "API_BASE_URL": f"http://localhost:{project.port}",
        "MOBIUS_MAX_P95_MS": "1234",
    }

    done = project.mobius("deploy", "--env", "production", environ=environ)

    assert done.code == 0, done
    run = project.newest_run()
    assert (run.plan.tag, run.lead, run.state) == ("v1", "@ada", RunState.ACCEPTED)
    assert run.window_deadline - run.window_opened_at == pytest.approx(1.0, abs=0.01)
    assert run.plan.facts["auto_rollback"] is False
    assert run.plan.facts["url"] == f"http://localhost:{project.port}"
    assert (tmp_path / "artifacts" / "postdeploy-smoketests.log").exists()
    shown = project.mobius("config", "show", "--origin", environ=environ, expect=0).out
    assert "BACKUP_RETENTION_DAYS" in shown and "MOBIUS_MAX_P95_MS" in shown
    settings = project.app(**environ).environment("production")
    assert (settings.retention_days, settings.policy.max_p95_ms) == (7, 1234)


def test_quality_gates_of_the_operations_guide_set_the_cadence(project: Project) -> None:
    gates = {"monitoring": {"check_interval": 0.25, "failure_threshold": 2, "recovery_threshold": 2}}
    (project.folder / "quality-gates.json").write_text(json.dumps({"quality_gates": gates}))
    text = project.config.read_text().replace('interval = "300ms"\n', "", 1)
    project.config.write_text(text + '[quality_gates]\ninclude = "quality-gates.json"\n')

    project.deployed("v1")

    run = project.newest_run()
    assert run.plan.facts["interval_s"] == 0.25
    probes = [s for s in project.written().samples(run.id) if s.signal == "probe"]
    assert len(probes) >= 4, "a window of 900 ms is looked at every 250 ms"
    monitor = project.app().environment("production").monitor
    assert (monitor.failure_threshold, monitor.recovery_threshold) == (2, 2)


def test_a_git_tag_is_deployed_and_changes_that_are_not_committed_are_refused(project: Project) -> None:
    import subprocess

    def git(*words: str) -> None:
        who = ["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *who, *words], cwd=project.folder, check=True, capture_output=True)

    project.configure(source="git")
    project.release("v1", into=project.folder)
    (project.folder / ".gitignore").write_text(".mobius/\nbackups/\nlogs/\npremerge_artifacts/\n")
    git("init", "-q")
    git("add", "-A")
    git("commit", "-q", "-m", "first")
    git("tag", "v1")
    (project.folder / "behaviour.json").write_text('{"release": "v2"}')

    dirty = project.deploy("v1")

    assert (dirty.code, dirty.out) == (3, "")
    assert "  work tree: uncommitted changes: behaviour.json\n" in dirty.err
    assert "commit or stash them, or set release.allow_dirty = true" in dirty.err
    git("commit", "-q", "-a", "-m", "second")
    git("tag", "v2")
    project.deploy("v1", expect=0)
    assert project.get()["release"] == "v1", "the tag's content, not that of the work tree"
    unknown = project.deploy("v3")
    assert unknown.code == 2
    assert unknown.err.startswith(f'error: no tag, branch or commit "v3" in {project.folder}\n')
    assert "the newest tags: v2, v1" in unknown.err or "the newest tags: v1, v2" in unknown.err


def test_the_library_does_what_the_command_does(project: Project) -> None:
    project.release("v1")
    app = mobius.open(project.folder, environ=project.environ)

    run = app.deploy("production", tag="v1")

    assert (run.state, run.exit_code) == (RunState.ACCEPTED, 0)
    assert project.serves("v1")
    with pytest.raises(UsageError, match='no release "v9"'):
        app.deploy("production", tag="v9")
    with pytest.raises(GateFailed, match="was not deployed") as refused:
        app.deploy("production", tag="v1")
    assert refused.value.exit_code == 3
    with pytest.raises(UsageError, match="does not hold any more"):
        project.release("v2")
        app.deploy("production", tag="v2", plan_hash="0" * 16)
    gate = '[[gate]]\nname = "video"\nrun = ["sh", "-c", "exit {code}"]'
    for code, state in ((1, GateFailed.exit_code), (4, GateUnknown.exit_code)):
        project.configure(top=gate.format(code=code))
        said_no = mobius.open(project.folder, environ=project.environ).deploy("production", tag="v2")
        assert (said_no.state, said_no.exit_code) == (RunState.REFUSED, state)
    with sqlite3.connect(f"file:{project.root / 'journal.db'}?mode=ro", uri=True) as journal:
        assert journal.execute("SELECT count(*) FROM runs").fetchone()[0] >= 3
    journal.close()

"""The scripts that `mobius init` writes, started as people start them."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from init.samples import NODE, lay_out
from mobius.adapters.notifiers.templates import Templates
from mobius.cli.main import run
from mobius.model.notices import Delivery
from mobius.report.notices.mail import mail
from mobius.report.notices.slack import slack_body
from mobius.report.notices.teams import teams_body
from mobius.report.notices.words import Around, message_of, sample
from world import SETTINGS

pytestmark = pytest.mark.skipif(os.name != "posix", reason="these are the scripts for a POSIX shell")
SAYS = '#!/bin/sh\necho "$(basename "$0"):$PWD"\nprintf "%s\\n" "$@"\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = lay_out(tmp_path / "a project" / "dhash", NODE)
    assert run(["--config", str(made / "mobius.toml"), "init", "--yes"]) == 0
    (made / ".mobius/mobius.path").unlink()
    return made


def says(path: Path) -> Path:
    """A mobius that only says what it was given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SAYS)
    path.chmod(0o755)
    return path


def start(
    project: Path, *words: str, environ: Mapping[str, str] | None = None, cwd: Path | None = None
) -> list[str]:
    env = {"PATH": os.environ["PATH"], **(environ or {})}
    done = subprocess.run(words, cwd=cwd or project, env=env, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_script_hands_on_each_word_as_it_is(project: Path, tmp_path: Path) -> None:
    mobius = says(tmp_path / "bin dir" / "mobius")
    said = start(
        project, "./scripts/rollback_dhash.sh", "--backup", "a b*$(x).zip", environ={"MOBIUS": str(mobius)}
    )
    assert said == [
        f"mobius:{project}",
        "--config",
        f"{project}/mobius.toml",
        "rollback",
        "--backup",
        "a b*$(x).zip",
    ]


def test_the_dry_run_takes_the_tag_of_the_environment_and_a_word_wins(project: Path, tmp_path: Path) -> None:
    given = {"MOBIUS": str(says(tmp_path / "mobius"))}
    script = "./scripts/deploy/deploy_dryrun.sh"
    assert start(project, script, environ=given)[3:] == ["plan", "--tag", "HEAD"]
    said = start(project, script, "--tag", "v3", environ={**given, "RELEASE_TAG": "v2"})
    assert said[3:] == ["plan", "--tag", "v2", "--tag", "v3"]


@pytest.mark.slow
def test_the_dry_run_of_migrations_assesses_the_database_and_the_configuration(tmp_path: Path) -> None:
    migration = {"migrations/001_notes.sql": "CREATE TABLE notes (id INTEGER PRIMARY KEY);\n"}
    made = lay_out(tmp_path / "dhash", {**NODE, **migration})
    assert run(["--config", str(made / "mobius.toml"), "init", "--yes"]) == 0
    config = made / "mobius.toml"
    config.write_text(config.read_text() + '\n[migrations]\npath = "migrations"\ndatabase = "data/app.db"\n')
    script = ["./scripts/deploy/migration_dryrun.sh", "--env", "production"]
    env = {**os.environ, "RELEASE_TAG": "v1.0.0", "ARTIFACT_DIR": str(tmp_path / "artifacts")}
    done = subprocess.run(script, cwd=made, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done
    log = (tmp_path / "artifacts" / "migrate-dryrun.log").read_text()
    assert [path.name for path in (tmp_path / "artifacts").iterdir()] == ["migrate-dryrun.log"]
    for said in (log, done.stdout):
        assert said.startswith("1 migration of v1.0.0 for production: risk MEDIUM")
        assert "  MEDIUM  package.json: the script start goes from nothing to" in said
        assert " 1  001_notes: impact by its text LOW, no way down" in said and "would" not in said


def test_a_script_works_from_any_folder(project: Path, tmp_path: Path) -> None:
    given = {"MOBIUS": str(says(tmp_path / "mobius"))}
    for script in ("scripts/health_check.sh", "scripts/deploy/monitor.sh"):
        said = start(project, str(project / script), environ=given, cwd=tmp_path)
        assert said[:3] == [f"mobius:{tmp_path}", "--config", f"{project}/mobius.toml"]
    assert start(project, "./scripts/health_check.sh", environ=given)[3:] == ["health", "-e", "production"]


def test_the_mobius_that_made_it_comes_before_the_one_on_the_path(project: Path, tmp_path: Path) -> None:
    on_path = {"PATH": f"{says(tmp_path / 'path' / 'mobius').parent}:{os.environ['PATH']}"}
    made_by = says(tmp_path / "made" / "the-one-that-made-it")
    remembered = project / ".mobius/mobius.path"
    assert start(project, "scripts/create_backup.sh", environ=on_path)[0] == f"mobius:{project}"
    remembered.write_text(f"{made_by}\n")
    assert start(project, "scripts/create_backup.sh", environ=on_path)[0] == f"the-one-that-made-it:{project}"
    made_by.unlink()  # made on another machine, or uninstalled since
    assert start(project, "scripts/create_backup.sh", environ=on_path)[0] == f"mobius:{project}"


def test_without_any_mobius_a_script_says_so_and_nothing_was_measured(project: Path) -> None:
    tools = project / "tools"
    tools.mkdir()
    for tool in ("sh", "dirname"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    done = subprocess.run(
        ["./scripts/health_check.sh"], cwd=project, env={"PATH": str(tools)}, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == "error: mobius is not here: put it on the PATH, or set MOBIUS to where it is\n"


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not on this machine")
@pytest.mark.parametrize("kind", ["commonjs", "module"])
def test_node_scripts_run_whatever_kind_of_modules_the_package_has(
    kind: str, project: Path, tmp_path: Path
) -> None:
    package = json.loads((project / "package.json").read_text())
    (project / "package.json").write_text(json.dumps({**package, "type": kind}))
    given = {"MOBIUS": str(says(tmp_path / "mobius"))}
    said = start(project, "node", "scripts/check_golden.js", "--in", "a b.mp4", environ=given)
    assert said[3:] == ["media", "golden", "check", "--in", "a b.mp4"]
    assert start(project, "node", "scripts/mobius.js", "smoke", environ=given)[3:] == ["smoke"]


def test_the_python_script_hands_on_its_words_and_the_code(project: Path, tmp_path: Path) -> None:
    given = {"MOBIUS": str(says(tmp_path / "mobius"))}
    said = start(project, sys.executable, "scripts/check_audio_compliance.py", "x y.txt", environ=given)
    assert said[3:] == ["gates", "check", "--audio", "x y.txt"]
    (tmp_path / "mobius").write_text("#!/bin/sh\nexit 11\n")
    done = subprocess.run(
        [sys.executable, "scripts/check_audio_compliance.py"], cwd=project, env={**os.environ, **given}
    )
    assert done.returncode == 11


def test_every_shell_script_is_one_that_a_plain_shell_reads(project: Path) -> None:
    scripts = list(project.glob("scripts/**/*.sh"))
    assert len(scripts) == 17
    for script in scripts:
        assert subprocess.run(["sh", "-n", str(script)]).returncode == 0
        assert b"\r" not in script.read_bytes()
        assert b"\n" not in script.with_suffix(".cmd").read_bytes().replace(b"\r\n", b"")


def test_every_message_is_whole_once_its_variables_are_filled_in(project: Path) -> None:
    templates = Templates(project / "notifications")
    found = list(templates.all())
    assert (len(found), templates.mistakes()) == (24, ())
    for each in found:
        assert each.topic is not None
        written, payload = sample(each.topic, "dhash", "production", "@a", 1.7e9)
        around = Around("dhash", SETTINGS, {})
        message = message_of([Delivery(1, "ops", "waiting", written, payload, 1.7e9)], around)
        message = replace(message, made=templates.text(each.kind, each.topic))
        made = {
            "slack": slack_body,
            "teams": teams_body,
            "email": lambda m: mail(m, "a@b.c", ["d@e.f"]).as_string(),
        }
        text = json.dumps(made[each.kind](message))
        assert "a test, nothing happened" in text and "dhash" in text
        assert "{" + "{" not in text and "n/a" not in text and "no variable" not in text, text


def at_a_terminal(project: Path, answer: str, *words: str) -> int:
    """Runs `mobius init` with a terminal as its standard input, and types the answer."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answer.encode())
        argv = [sys.executable, "-m", "mobius", "init", *words]
        return subprocess.run(argv, cwd=project, stdin=theirs, capture_output=True, timeout=60).returncode
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_no_at_the_terminal_leaves_what_is_there_and_writes_what_is_new(tmp_path: Path) -> None:
    project = lay_out(tmp_path / "dhash", NODE)
    assert at_a_terminal(project, "n\n") == 0
    assert (project / "package.json").read_text() == NODE["package.json"]
    assert (project / "mobius.toml").is_file()
    assert at_a_terminal(project, "y\n") == 0
    assert "golden:check" in (project / "package.json").read_text()


def test_what_no_file_tells_is_asked_at_a_terminal(tmp_path: Path) -> None:
    project = lay_out(tmp_path / "bare", {"README": ""}, git=False)
    assert at_a_terminal(project, "./serve --all\n") == 0
    assert 'start = ["./serve", "--all"]' in (project / "mobius.toml").read_text()

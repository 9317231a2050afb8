"""`mobius scan` and `mobius premerge` as they are typed."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

import pytest

from init.samples import git_in, lay_out
from mobius.archive.durable import lock_file
from mobius.cli.main import run
from mobius.model.premerge import STEPS
from mobius.wiring import open_app
from mobius.wiring.premerge import environment_of

CANARY = "hunter22-of-nobody"
CONFIG = """service = "dhash"
[[process]]
name = "web"
kind = "web"
start = ["node", "app.js"]
[scan]
npm = [{python}, "-c", "import sys; sys.exit('401 with {secret}')"]
{more}
[environments.production]
url = "http://127.0.0.1:5001"
[environments.staging]
url = "http://127.0.0.1:5002"
"""
LOCK = {
    "lockfileVersion": 3,
    "packages": {"": {"name": "x"}, "node_modules/a": {"version": "1.0.0", "license": "MIT"}},
}
WAIVER = """[[scan.waiver]]
of = "npm"
name = "Ada"
reason = "the mirror is being moved"
until = {until}
"""


def project(folder: Path, more: str = "") -> Path:
    config = CONFIG.format(python=json.dumps(sys.executable), secret=CANARY, more=more)
    return lay_out(folder, {"mobius.toml": config, "package-lock.json": json.dumps(LOCK)})


def mobius(at: Path, *words: str, **environ: str) -> int:
    obj = {"environ": {"NPM_TOKEN": CANARY, "PATH": "/usr/bin:/bin", **environ}}
    return run(["--config", str(at / "mobius.toml"), *words], obj)


def test_a_source_without_an_answer_is_exit_4_and_no_secret_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = project(tmp_path)
    more = ("--sarif", str(tmp_path / "o" / "x.sarif"), "--junit", str(tmp_path / "o" / "x.xml"))
    assert mobius(at, "scan", *more) == 4
    assert mobius(at, "scan", "--json") == 4
    told = capsys.readouterr()
    texts = [told.out, told.err]
    texts += [file.read_text() for folder in ("premerge_artifacts", "o") for file in (at / folder).iterdir()]
    assert len(texts) == 7 and not any(CANARY in text for text in texts)
    assert "401 with «redacted»" in told.out
    assert json.loads((at / "premerge_artifacts/scan.json").read_text())["environment"] == "production"


def test_a_waiver_answers_for_it_and_one_that_expired_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mobius(project(tmp_path / "a", WAIVER.format(until="2999-12-31")), "scan") == 0
    assert "Ada answers for it until 2999-12-31" in " ".join(capsys.readouterr().out.split())
    assert mobius(project(tmp_path / "b", WAIVER.format(until='"2020-01-01"')), "scan") == 4
    assert "it expired on 2020-01-01" in " ".join(capsys.readouterr().out.split())


def test_a_checkout_that_changes_under_a_scan_is_not_the_one_that_was_scanned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = project(tmp_path / "dhash", WAIVER.format(until="2999-12-31"))
    tool = tmp_path / "npm.py"
    tool.write_text(
        "import subprocess\n"
        f"subprocess.run(['git', '-C', {str(at)!r}, *'commit -q --allow-empty -m More'.split()], check=True)\n"
        "raise SystemExit('no network')\n"
    )
    config = (at / "mobius.toml").read_text().splitlines()
    told = [f"npm = [{json.dumps(sys.executable)}, {json.dumps(str(tool))}]" if line.startswith("npm =") else line
            for line in config]  # fmt: skip
    (at / "mobius.toml").write_text("\n".join(told))
    git_in(at, "commit", "-q", "-am", "Ask another npm")
    assert mobius(at, "scan") == 4
    assert "was checked out meanwhile" in " ".join(capsys.readouterr().out.split())
    report = json.loads((at / "premerge_artifacts/scan.json").read_text())
    assert report["outcome"] == "ERROR" and report["commit"] != git_in(at, "rev-parse", "HEAD").strip()


@pytest.mark.parametrize("until", ['"soon"', "2026-13-01", '"2026-02-30"', "2026-12-31T10:00:00Z", "7"])
def test_a_day_that_is_none_is_a_mistake_of_the_configuration(tmp_path: Path, until: str) -> None:
    assert mobius(project(tmp_path, WAIVER.format(until=until)), "scan") == 2


def test_the_bill_of_materials_is_written_without_asking_anybody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = project(tmp_path)
    assert mobius(at, "scan", "--sbom", str(at / "out" / "sbom.json")) == 0
    document = json.loads((at / "out" / "sbom.json").read_text())
    assert [each["purl"] for each in document["components"]] == ["pkg:npm/a@1.0.0"]
    assert "compositions" not in document and "not in it" not in capsys.readouterr().out
    (at / "package-lock.json").write_text('{"packages": 7}')
    assert mobius(at, "scan", "--sbom", str(at / "out" / "sbom.json")) == 1


def test_a_lock_file_that_no_commit_has_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at = project(tmp_path)
    assert mobius(at, "scan", "--json") == 4
    assert json.loads(capsys.readouterr().out)["remarks"] == []
    git_in(at, "rm", "-q", "--cached", "package-lock.json")
    (at / ".gitignore").write_text("package-lock.json\n")
    git_in(at, "add", ".gitignore")
    git_in(at, "commit", "-q", "-m", "Ignore it")
    assert mobius(at, "scan", "--json") == 4
    told = json.loads(capsys.readouterr().out)["remarks"]
    assert told == ["package-lock.json is not in git: what is released from a commit does not have it"]


def test_a_folder_that_holds_other_things_is_not_hidden_from_git(tmp_path: Path) -> None:
    at = project(tmp_path / "p")
    everything = [word for step in STEPS for word in ("--skip", step)]
    (at / "src").mkdir()
    (at / "src" / "app.js").write_text("1\n")
    git_in(at, "add", "src")
    git_in(at, "commit", "-q", "-m", "More")
    for folder, hidden in ((at / "src", False), (tmp_path / "elsewhere", False), (at / "artifacts", True)):
        words = ("premerge", *everything, "--reason", "not what this is about")
        assert mobius(at, *words, ARTIFACT_DIR=str(folder)) == 4
        assert (folder / "premerge.json").is_file()
        assert (folder / ".gitignore").exists() == hidden


@pytest.mark.parametrize("option", ["--sarif", "--junit", "--sbom"])
def test_a_link_that_is_named_for_the_report_stays_and_is_written_through(
    tmp_path: Path, option: str
) -> None:
    at = project(tmp_path)
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to(target)
    mobius(at, "scan", option, str(link))
    assert link.is_symlink() and target.stat().st_size > 0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_that_is_named_for_the_report_stays_a_pipe(tmp_path: Path) -> None:
    at, pipe = project(tmp_path), tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = threading.Thread(target=pipe.read_bytes)
    reader.start()
    mobius(at, "scan", "--sarif", str(pipe))
    reader.join(60)
    assert pipe.is_fifo() and not reader.is_alive()


def test_a_bill_of_materials_that_lacks_something_says_so_and_is_no_scan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = project(tmp_path)
    (at / "web").mkdir()
    (at / "web" / "yarn.lock").write_text("# yarn\n")
    (at / "requirements.txt").write_text("-rbase.txt\nflask==3.1.0\n")
    assert mobius(at, "scan", "--sbom", str(at / "sbom.json")) == 0
    told = capsys.readouterr().out
    assert "not in it: requirements.txt: what the files hold that it names" in told
    assert "not in it: web/yarn.lock: only package-lock.json" in told
    document = json.loads((at / "sbom.json").read_text())
    assert document["compositions"][0]["aggregate"] == "incomplete"
    assert mobius(at, "scan", "--sbom", str(at / "sbom.json"), "--sarif", str(at / "x.sarif")) == 2


@pytest.mark.parametrize(
    "words",
    [
        ("--skip", "smoke"),
        ("--skip", "smoke", "--reason", "  "),
        ("--reason", "why"),
        ("--skip", "smoke", "--skip", "scan", "--reason", "a", "--reason", "b", "--reason", "c"),
        ("--skip", "everything", "--reason", "why"),
        ("-e", "nowhere"),
        ("--tag", "v9"),
    ],
)
def test_a_validation_that_was_called_wrongly_writes_nothing(tmp_path: Path, words: tuple[str, ...]) -> None:
    at = project(tmp_path)
    assert mobius(at, "premerge", *words) == 2
    assert not (at / "premerge_artifacts" / "premerge.json").exists()


def test_two_validations_into_one_folder_are_told_apart_by_a_lock(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = project(tmp_path)
    folder = at / "premerge_artifacts"
    folder.mkdir()
    (folder / "premerge.json").write_text("that of the other")
    held = os.open(folder / ".premerge.lock", os.O_RDWR | os.O_CREAT)
    try:
        assert lock_file(held, wait=False)
        assert mobius(at, "premerge") == 10
    finally:
        os.close(held)
    assert "another validation writes into" in capsys.readouterr().err
    assert (folder / "premerge.json").read_text() == "that of the other"


def test_only_what_is_checked_out_is_validated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at = project(tmp_path)
    git_in(at, "commit", "-q", "--allow-empty", "-m", "More")
    assert mobius(at, "premerge", "--tag", "v1.0.0") == 2
    assert "only what is checked out can be validated" in capsys.readouterr().err


ONLY_TESTS = tuple(word for name in STEPS if name != "tests" for word in ("--skip", name))


@pytest.mark.parametrize(
    ("does", "code", "outcome"),
    [
        (["git", "checkout", "-q", "--detach", "HEAD~1"], 4, "ERROR"),
        (["git", "rm", "-q", "package-lock.json"], 0, "PASS"),
    ],
)
def test_a_checkout_that_changes_meanwhile_is_not_the_one_that_was_validated(
    tmp_path: Path, does: list[str], code: int, outcome: str
) -> None:
    at = project(tmp_path)
    config = at / "mobius.toml"
    config.write_text(f"{config.read_text()}\n[premerge]\ntests = [{json.dumps(does)}]\n")
    git_in(at, "commit", "-q", "-a", "-m", "Say what tests it")
    assert mobius(at, "premerge", "--plain", *ONLY_TESTS, "--reason", "not what this is about") == code
    report = json.loads((at / "premerge_artifacts" / "premerge.json").read_text())
    assert (report["outcome"], report["dirty"]) == (outcome, code == 0)


def test_without_a_name_it_is_staging_or_the_first_that_is_not_production(tmp_path: Path) -> None:
    at = project(tmp_path)
    the_app = open_app(at, environ={})
    assert environment_of(the_app, None) == "staging"
    assert environment_of(the_app, "production") == "production"
    renamed = (at / "mobius.toml").read_text().replace("environments.staging", "environments.acceptance")
    (at / "mobius.toml").write_text(renamed)
    assert environment_of(open_app(at, environ={}), None) == "acceptance"


@pytest.mark.parametrize("named", [".", "..", "data/..", ".git", ".git/artefacts"])
def test_neither_the_project_itself_nor_what_belongs_to_git_is_a_folder_for_artefacts(
    tmp_path: Path, named: str
) -> None:
    at = project(tmp_path / "p")
    logs = at / "monitor_logs"
    logs.mkdir()
    (logs / "monitor_production_1.log").write_text("a window")
    assert run(["--config", str(at / "mobius.toml"), "premerge"], {"environ": {"ARTIFACT_DIR": named}}) == 2
    assert (logs / "monitor_production_1.log").exists() and not (at / ".gitignore").exists()


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = project(tmp_path)
    before = sorted(str(file) for file in at.rglob("*") if ".git/" not in str(file))
    assert mobius(at, "premerge", "--dry-run", "--skip", "scan", "--reason", "no network") == 0
    told = capsys.readouterr().out
    assert "backup      a backup, made and verified" in told and "scan        skipped: no network" in told
    assert mobius(at, "premerge", "--dry-run", "--json") == 0
    assert len(json.loads(capsys.readouterr().out)["steps"]) == 8
    assert sorted(str(file) for file in at.rglob("*") if ".git/" not in str(file)) == before

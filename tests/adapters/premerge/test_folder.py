"""ARTIFACT_DIR: nothing of an earlier validation is taken for this one, and nobody's files go."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mobius.adapters.premerge.folder import SUMMARY_BYTES, Folder
from mobius.errors import MobiusError
from mobius.model.premerge import Premerge, StepResult, StepState
from mobius.report.sarif import sarif_of, sarif_result, sarif_run

STEPS = (StepResult("scan", StepState.PASS, "nothing", 1.0, files=("scan.sarif",)),)
DONE = Premerge("r1", "dhash", "staging", "c" * 40, "main", False, 100.0, (), STEPS, 200.0)
BEGUN = replace(DONE, run_id="r2", steps=(StepResult("scan"),), ended_at=0.0)


def folder(tmp_path: Path, *, summary: Path | None = None, at: str = "artifacts") -> Folder:
    return Folder(
        tmp_path / at, tmp_path / "backups", lambda text: text.replace("hunter22", "«redacted»"), summary
    )


def outcome(at: Path) -> str:
    return str(json.loads((at / "premerge.json").read_text())["outcome"])


def test_every_form_of_the_report_is_there_and_git_sees_none(tmp_path: Path) -> None:
    reports = folder(tmp_path)
    reports.begin(BEGUN)
    reports.finish(DONE)
    names = {file.name for file in reports.folder.iterdir()}
    assert {"premerge.json", "premerge.xml", "premerge.sarif", "premerge.html", "summary.md"} <= names
    assert {"test_logging.log", "monitor_logs", ".gitignore"} <= names
    assert outcome(reports.folder) == "PASS"


def test_from_its_beginning_on_nothing_of_yesterday_says_pass(tmp_path: Path) -> None:
    reports = folder(tmp_path)
    reports.begin(BEGUN)
    reports.finish(DONE)
    left = ["deploy-dryrun.log", "scan.json", "monitor_logs/monitor_staging_1.log"]
    left += ["backup/dhash_20260101_120000.zip", "backup/dhash_20260101_120000.zip.sha256"]
    (reports.folder / "backup").mkdir()
    for name in (*left, "theirs.txt", "backup/theirs.zip"):
        (reports.folder / name).write_text("yesterday")
    reports.begin(BEGUN)
    assert outcome(reports.folder) == "INCOMPLETE"
    for name in ("premerge.xml", "premerge.html", "summary.md"):
        text = (reports.folder / name).read_text()
        assert "it has not ended" in text or "incomplete" in text.lower()
    assert not [name for name in left if (reports.folder / name).exists()]
    assert (reports.folder / "theirs.txt").exists() and (reports.folder / "backup" / "theirs.zip").exists()


def test_real_backups_stay_also_where_somebody_names_their_folder(tmp_path: Path) -> None:
    reports = Folder(tmp_path / "at", tmp_path / "at" / "backup", str, None)
    real = tmp_path / "at" / "backup" / "dhash_20260101_120000.zip"
    real.parent.mkdir(parents=True)
    real.write_text("real")
    reports.begin(BEGUN)
    assert real.exists()


def test_secrets_are_in_no_form_of_the_report(tmp_path: Path) -> None:
    reports = folder(tmp_path)
    reports.begin(BEGUN)
    reports.finish(replace(DONE, steps=(StepResult("scan", StepState.FAIL, "token hunter22"),)))
    for file in reports.folder.rglob("*"):
        assert not file.is_file() or "hunter22" not in file.read_text(), file


def test_what_the_parts_found_in_the_code_is_in_the_sarif_file_too(tmp_path: Path) -> None:
    reports = folder(tmp_path)
    reports.begin(BEGUN)
    theirs = sarif_of([sarif_run("mobius scan: npm", [sarif_result("GHSA-1", "error", "x", file="a")])])
    (reports.folder / "scan.sarif").write_text(json.dumps(theirs))
    reports.finish(DONE)
    runs = json.loads((reports.folder / "premerge.sarif").read_text())["runs"]
    assert [run["tool"]["driver"]["name"] for run in runs] == ["mobius premerge", "mobius scan: npm"]


def test_the_summary_is_added_to_githubs_and_never_makes_it_too_long(tmp_path: Path) -> None:
    summary = tmp_path / "summary"
    summary.write_text("before\n")
    reports = folder(tmp_path, summary=summary)
    reports.begin(BEGUN)
    assert summary.read_text() == "before\n"
    reports.finish(DONE)
    assert "Pre-merge validation: ✅ may be merged" in summary.read_text()
    long = replace(DONE, steps=(StepResult("scan", StepState.FAIL, "é" * SUMMARY_BYTES),))
    reports.finish(long)
    assert summary.stat().st_size <= SUMMARY_BYTES
    summary.read_text()


def test_a_folder_that_cannot_be_written_is_said_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "artifacts").write_text("a file")
    with pytest.raises(MobiusError, match="cannot be written") as told:
        folder(tmp_path).begin(BEGUN)
    assert "ARTIFACT_DIR" in told.value.hint

"""The project's own tests in a validation: their exit codes count, and so do the reports that they were to write."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mobius.model.premerge import PremergeSettings
from mobius.model.verdict import CheckResult, Outcome
from mobius.wiring.premerge_tests import run_tests

GOOD = '<testsuite tests="1"><testcase name="a"/></testsuite>'
BAD = (
    '<testsuite tests="1" failures="1"><testcase name="a"><failure message="1 != 2"/></testcase></testsuite>'
)


def made(folder: Path, script: str, *junit: str) -> list[CheckResult]:
    settings = PremergeSettings(tests=((sys.executable, "-c", script),), junit=junit, timeout_s=60.0)
    return list(run_tests(settings, folder, dict(os.environ)))


def writes(text: str, name: str = "tests.xml") -> str:
    return f"open({name!r}, 'w').write({text!r})"


def test_commands_that_pass_and_a_report_that_is_good_pass(tmp_path: Path) -> None:
    found = made(tmp_path, writes(GOOD), "*.xml")
    assert [each.outcome for each in found] == [Outcome.PASS, Outcome.PASS]
    assert (found[1].name, found[1].message) == ("tests.xml", "1 passed")
    again = made(tmp_path, writes(GOOD), str(tmp_path / "tests.xml"))
    assert again[1].outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("text", "outcome", "told"),
    [
        (BAD, Outcome.FAIL, "1 of 1 failed: a: 1 != 2"),
        ("<testsuites/>", Outcome.INCONCLUSIVE, "it holds no test: nothing ran"),
        (GOOD[:-4], Outcome.ERROR, "it is no XML"),
        ("", Outcome.ERROR, "it is no XML"),
    ],
)
def test_a_command_that_ends_well_does_not_outweigh_its_report(
    tmp_path: Path, text: str, outcome: Outcome, told: str
) -> None:
    command, report = made(tmp_path, writes(text), "tests.xml")
    assert command.outcome is Outcome.PASS
    assert report.outcome is outcome and told in report.message


def test_a_report_that_lay_there_before_or_was_not_written_is_no_answer(tmp_path: Path) -> None:
    old = tmp_path / "tests.xml"
    old.write_text(GOOD)
    os.utime(old, (1_700_000_000, 1_700_000_000))
    _, report = made(tmp_path, "pass", "tests.xml")
    assert (report.outcome, report.message) == (
        Outcome.ERROR, "it lay there before: these tests did not write it",
    )  # fmt: skip
    _, missing = made(tmp_path, "pass", "reports/*.xml")
    assert (missing.outcome, missing.message) == (Outcome.ERROR, "the tests wrote no such file")


@pytest.mark.parametrize("pattern", ["", ".", "..", "/", "**.xml/**x", "no[", "\0", "x" * 5000])
def test_a_pattern_that_finds_no_report_is_no_answer(tmp_path: Path, pattern: str) -> None:
    _, *rest = made(tmp_path, "pass", pattern)
    assert rest and all(each.outcome is Outcome.ERROR and each.advice for each in rest)


def test_a_folder_a_pipe_and_a_file_of_any_size_are_no_report(tmp_path: Path) -> None:
    (tmp_path / "folder.xml").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.xml")
    script = "open('large.xml', 'wb').truncate(1 << 40)"
    _, *rest = made(tmp_path, script, "*.xml")
    assert {each.outcome for each in rest} == {Outcome.ERROR}
    assert "1,099,511,627,776 bytes are more than is read" in " ".join(each.message for each in rest)

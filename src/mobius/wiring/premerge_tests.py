"""The project's own tests in a validation before a merge: their exit codes, and what they wrote."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from mobius.adapters.checks.run import run
from mobius.adapters.repository import matching
from mobius.errors import GateUnknown
from mobius.model.premerge import PremergeSettings
from mobius.model.verdict import CheckResult, Outcome
from mobius.rules.junit import judge_junit, read_junit

LARGEST = 32 << 20  # bytes of one report
CLOCKS_DIFFER_S = 2.0  # of a file's time, which some file systems round


def run_tests(
    settings: PremergeSettings, project: Path, environ: Mapping[str, str]
) -> tuple[CheckResult, ...]:
    """A check for each command, one after the other, and one for each report that they were to write."""
    began = time.time()
    checks = []
    for words in settings.tests:
        print(f"$ {shlex.join(words)}", flush=True)
        ran = run(words, cwd=project, env=environ, timeout_s=settings.timeout_s, keep_bytes=1 << 20)
        print(ran.output, flush=True)
        outcome = Outcome.ERROR if ran.exit_code is None else Outcome.FAIL if ran.exit_code else Outcome.PASS
        last = "\n".join(ran.output.splitlines()[-20:]) if outcome is not Outcome.PASS else ""
        checks.append(CheckResult(shlex.join(words), outcome, ran.reason, ran.seconds * 1000, output=last))
    return (*checks, *(each for pattern in settings.junit for each in _reports(project, pattern, began)))


def _reports(project: Path, pattern: str, began: float) -> Iterator[CheckResult]:
    """Each that the pattern finds, judged; one that lay there before says nothing of this checkout."""
    try:
        files = matching(project, pattern)
    except (ValueError, OSError) as problem:
        yield CheckResult(pattern, Outcome.ERROR, str(problem), 0.0, "correct premerge.junit")
        return
    if not files:
        told = "the tests wrote no such file"
        yield CheckResult(pattern, Outcome.ERROR, told, 0.0, "see what they write, and premerge.junit")
    for file in files:
        name = file.relative_to(project).as_posix() if file.is_relative_to(project) else str(file)
        try:
            yield judge_junit(name, read_junit(_content(file, began)))
        except GateUnknown as problem:
            yield CheckResult(name, Outcome.ERROR, problem.message, 0.0, problem.hint.removeprefix("try: "))
        except OSError as problem:
            told = f"it cannot be read: {problem.strerror or problem}"
            yield CheckResult(name, Outcome.ERROR, told, 0.0, "see who may read it")


def _content(file: Path, began: float) -> bytes:
    if not file.is_file():
        raise GateUnknown("it is no file", "correct premerge.junit")
    there = file.stat()
    if there.st_mtime < began - CLOCKS_DIFFER_S:
        raise GateUnknown(
            "it lay there before: these tests did not write it", "take it away, and see what they write"
        )
    if there.st_size > LARGEST:
        raise GateUnknown(f"{there.st_size:,} bytes are more than is read of a report", "split it")
    return file.read_bytes()

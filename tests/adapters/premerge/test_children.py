"""Steps as processes: they answer, crash, hang, and leave nothing behind."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import msgspec
import psutil
import pytest

from mobius.adapters.premerge import children
from mobius.adapters.premerge.children import Child, ChildSteps
from mobius.model.premerge import StepResult, StepState
from mobius.model.verdict import CheckResult, Outcome

ANSWER = StepResult(
    "scan", StepState.PASS, "nothing", 0.5, (CheckResult("npm", Outcome.PASS, "none", 1.0),), ("scan.json",)
)


def steps(folder: Path, code: str, *, timeout_s: float = 60.0) -> ChildSteps:
    def words(name: str, result: Path) -> list[str]:
        return [sys.executable, "-c", code, str(result)]

    return ChildSteps(
        words,
        cwd=folder,
        environ=dict(os.environ),
        folder=folder,
        log=folder / "out" / "test_logging.log",
        timeout_s=timeout_s,
        redact=lambda text: text.replace("hunter22", "«redacted»"),
        clean=lambda: (folder / "cleaned").touch(),
    )


def ended(child: Child) -> StepResult:
    until = time.monotonic() + 60
    while (result := child.poll()) is None:
        assert time.monotonic() < until
        time.sleep(0.02)
    return result


def test_a_step_answers_by_its_file_and_what_it_said_is_kept_without_secrets(tmp_path: Path) -> None:
    data = msgspec.json.encode(ANSWER)
    code = f"import sys; print('asking with hunter22'); open(sys.argv[1], 'wb').write({data!r})"
    assert ended(steps(tmp_path, code).start("scan")) == ANSWER
    log = (tmp_path / "out" / "test_logging.log").read_text()
    assert log.startswith("--- scan, ") and "asking with «redacted»" in log


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os; print('hunter22 at work', flush=True); os.kill(os.getpid(), 11)", "killed by signal 11"),
        ("raise SystemExit(0)", "exit code 0"),
        ("1 / 0", "exit code 1"),
        ("import sys; open(sys.argv[1], 'w').write('{\"state\": \"PASS\"')", "exit code 0"),
    ],
)
def test_a_step_that_ends_without_an_answer_is_an_error_with_its_log(
    tmp_path: Path, code: str, said: str
) -> None:
    result = ended(steps(tmp_path, code).start("scan"))
    assert (result.state, result.said) == (StepState.ERROR, f"it ended without an answer: {said}")
    assert "hunter22" not in result.checks[0].output
    if "1 / 0" in code:
        assert "ZeroDivisionError" in result.checks[0].output


def test_a_program_that_is_missing_is_an_error(tmp_path: Path) -> None:
    made = steps(tmp_path, "")
    made._command = lambda name, result: ["no-such-program"]
    assert "could not be started" in ended(made.start("scan")).said


def test_a_step_that_takes_too_long_is_ended_with_all_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "GRACE_S", 0.5)
    code = (
        "import os, signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(p.pid)); time.sleep(60)"
    )
    began = time.monotonic()
    result = ended(steps(tmp_path, code, timeout_s=5.0).start("smoke"))
    assert time.monotonic() - began < 30
    assert (result.state, result.said) == (StepState.ERROR, "not done within 5 s, ended")
    assert (tmp_path / "cleaned").exists()
    pid = int((tmp_path / "pid").read_text())
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=30)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE

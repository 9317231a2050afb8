"""Each step of a validation in a process of its own: one that crashes, hangs or eats its memory takes none along."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from mobius.adapters.ends import end_of
from mobius.adapters.scratch.ending import end_group
from mobius.model.premerge import StepResult, StepState
from mobius.model.verdict import CheckResult, Outcome

GRACE_S = 15.0  # to take away what it made; then it is killed
TAIL_BYTES = 8_192
TAIL_LINES = 20
MOST_LOGGED = 4 << 20  # of one step, in test_logging.log: the end


class ChildSteps:
    """`mobius.ports.validating.Steps`. `command`: the words of a step, given its name and the file for its result;
    `log`: where what all of them said is put together; `clean`: takes away what a killed one left running."""

    def __init__(
        self,
        command: Callable[[str, Path], Sequence[str]],
        *,
        cwd: Path,
        environ: Mapping[str, str],
        folder: Path,
        log: Path,
        timeout_s: float,
        redact: Callable[[str], str],
        clean: Callable[[], None],
    ) -> None:
        self._command = command
        self._cwd = cwd
        self._environ = environ
        self._folder = folder
        self._log = log
        self._timeout_s = timeout_s
        self._redact = redact
        self._clean = clean

    def start(self, name: str) -> Child:
        output, result = self._folder / f"{name}.log", self._folder / f"{name}.json"
        words = list(self._command(name, result))
        process, problem = None, ""
        try:
            with output.open("wb") as file:
                process = subprocess.Popen(
                    words,
                    cwd=self._cwd,
                    env=dict(self._environ),
                    stdin=subprocess.PIPE,  # closed by our end, whatever ends us: then it ends, too
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except (OSError, ValueError) as error:
            problem = f"it could not be started: {error}"
        return Child(name, process, problem, output, result, self)

    def told(self, name: str, seconds: float, output: Path) -> None:
        """Puts what it said below what the others said."""
        with suppress(OSError):
            text = self._redact(end_of(output, MOST_LOGGED) if output.exists() else "")
            self._log.parent.mkdir(parents=True, exist_ok=True)
            with self._log.open("a", encoding="utf-8") as file:
                file.write(f"--- {name}, {seconds:.1f} s\n{text.rstrip()}\n")

    def limit_s(self) -> float:
        """Of one step."""
        return self._timeout_s

    def clean(self) -> None:
        """After one that had to be killed."""
        self._clean()

    def shown(self, text: str) -> str:
        """Without secrets."""
        return self._redact(text)


class Child:
    """`mobius.ports.validating.Running`."""

    def __init__(
        self,
        name: str,
        process: subprocess.Popen[bytes] | None,
        problem: str,
        output: Path,
        result: Path,
        steps: ChildSteps,
    ) -> None:
        self._name, self._process, self._problem = name, process, problem
        self._output, self._result, self._steps = output, result, steps
        self._began = time.monotonic()
        self._ended = False

    def poll(self) -> StepResult | None:
        took_s = time.monotonic() - self._began
        if self._process is None:
            return self._error(self._problem, took_s)
        code = self._process.poll()
        if code is None and took_s > self._steps.limit_s():
            self.end()
            return self._error(f"not done within {self._steps.limit_s():g} s, ended", took_s)
        if code is None:
            return None
        self._close(took_s)
        try:
            made = msgspec.json.decode(self._result.read_bytes(), type=StepResult)
        except (OSError, msgspec.MsgspecError):
            how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
            return self._error(f"it ended without an answer: {how}", took_s)
        if made.outcome is None and made.state is not StepState.SKIPPED:
            return self._error("it ended in the middle", took_s)
        return made

    def last_line(self) -> str:
        lines = self._tail().splitlines()
        return self._steps.shown(lines[-1]) if lines else ""

    def end(self) -> None:
        if self._process is None or self._ended:
            return
        end_group(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            pass
        end_group(self._process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        self._process.wait()
        self._close(time.monotonic() - self._began)
        self._steps.clean()

    def _close(self, took_s: float) -> None:
        if not self._ended and self._process is not None:
            self._ended = True
            end_group(
                self._process.pid, getattr(signal, "SIGKILL", signal.SIGTERM)
            )  # what it left in its group
            if self._process.stdin is not None:
                with suppress(OSError):
                    self._process.stdin.close()
            self._steps.told(self._name, took_s, self._output)

    def _error(self, message: str, took_s: float) -> StepResult:
        said = self._steps.shown("\n".join(self._tail().splitlines()[-TAIL_LINES:]))
        check = CheckResult(
            self._name, Outcome.ERROR, message, took_s * 1000, "see test_logging.log", output=said
        )
        return StepResult(self._name, StepState.ERROR, message, took_s, (check,))

    def _tail(self) -> str:
        with suppress(OSError):
            return end_of(self._output, TAIL_BYTES).rstrip()
        return ""

"""The pen of a run: writes what happens to the journal and to `logs/deployment.log`, in that order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from mobius.errors import Locked, MobiusError
from mobius.model.plan import Step
from mobius.model.run import Run, RunState, StepRecord
from mobius.model.sample import Sample
from mobius.ports import Note, Ports

T = TypeVar("T")


class Record:
    """Holds the run as it stands. A newer run's token makes every write raise `Fenced`.

    `forgiving` is for the way back only: there a journal that cannot be written (a full disk) is told to
    the log and does not stop the return.
    """

    def __init__(self, run: Run, ports: Ports, *, forgiving: bool = False) -> None:
        self.run = run
        self.ports = ports
        self.forgiving = forgiving

    def steps(self) -> dict[str, StepRecord]:
        """What is known of every step so far; nothing when the journal cannot be read on the way back."""
        try:
            return {record.step_id: record for record in self.ports.journal.steps(self.run.id)}
        except MobiusError as problem:
            self.forgive(problem)
            return {}

    def begin(self, step: Step) -> None:
        """Before the effect."""
        self.log(f"begin  {step.phase}: {step.title}")
        self.write(lambda now: self.ports.journal.begin(self.run, step, now=now))

    def done(self, step: Step, result: Mapping[str, Any]) -> None:
        """After the effect."""
        self.write(lambda now: self.ports.journal.done(self.run, step, result, now=now))
        self.log(f"done   {step.phase}: {step.title}")

    def failed(self, step: Step, reason: str) -> None:
        """The effect did not happen, or not wholly."""
        self.write(lambda now: self.ports.journal.failed(self.run, step, reason, now=now))
        self.log(f"FAILED {step.phase}: {step.title}: {reason}")

    def say(self, kind: str, message: str, data: Mapping[str, Any] | None = None, *, topic: str = "") -> None:
        """One event of this run."""
        note = Note(kind, message, data, topic)
        environment = self.run.environment
        self.write(lambda now: self.ports.journal.say(self.run, environment, note, now=now))
        self.log(f"{kind}: {message}")

    def move(
        self, state: RunState, kind: str, message: str, *, topic: str = "", data: Any = None, **changes: Any
    ) -> Run:
        """Changes the run's state, with the event that says so; `changes` go into the run's row."""
        note = Note(kind, message, {**(data or {}), "state": str(state)}, topic)
        moved = self.write(lambda now: self.ports.journal.move(self.run, state, note, now=now, **changes))
        self.run = moved if moved is not None else replace(self.run, state=state, **changes)
        self.log(f"{kind}: {message}")
        return self.run

    def add_samples(self, samples: tuple[Sample, ...]) -> None:
        """Samples are kept in memory too: a journal that cannot be written does not blind the watch."""
        forgiving, self.forgiving = self.forgiving, True
        try:
            self.write(lambda _: self.ports.journal.add_samples(self.run, samples))
        finally:
            self.forgiving = forgiving

    def write(self, write: Callable[[float], T]) -> T | None:
        """Writes to the journal with the time of now; None where a forgiving record could not."""
        try:
            return write(self.ports.clock.now())
        except MobiusError as problem:
            self.forgive(problem)
            return None

    def forgive(self, problem: MobiusError) -> None:
        """Goes on without the journal on the way back; raises again otherwise, and always when taken over."""
        if isinstance(problem, Locked) or not self.forgiving:
            raise problem
        self.log(f"the journal cannot be used, going on without it: {problem.message}")

    def log(self, line: str) -> None:
        """One line to the deployment log alone."""
        self.ports.deployment_log(self.ports.redact(f"[{self.run.environment} run {self.run.id}] {line}"))

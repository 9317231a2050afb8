"""The pen of a run: writes what happens to the journal and to `logs/deployment.log`, in that order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from mobius.errors import Locked, MobiusError
from mobius.model.advance import Waiting
from mobius.model.plan import Step
from mobius.model.run import ENDED, Run, RunState, StepRecord
from mobius.model.sample import Sample
from mobius.ports import Note, Ports

T = TypeVar("T")


class Record:
    """Holds the run as it stands. A newer run's token makes every write raise `Fenced`.

    `forgiving` is for the watch and the way back: there a journal that cannot be written (a full disk) is told
    to the log, and stops neither. It forgives nothing to a run that was taken over.
    """

    def __init__(self, run: Run, ports: Ports, *, forgiving: bool = False) -> None:
        self.run = run
        self.ports = ports
        self.forgiving = forgiving
        self._begun: dict[str, StepRecord] = {}  # by this process, whether or not the journal has it

    def on_the_way_back(self) -> Record:
        """The same record, forgiving from here on."""
        back = Record(self.run, self.ports, forgiving=True)
        back._begun = self._begun
        return back

    def steps(self) -> dict[str, StepRecord]:
        """What is known of every step so far; on the way back this process's own memory where the journal
        cannot be read."""
        known = self.read(lambda: self.ports.journal.steps(self.run.id))
        return {**self._begun, **{record.step_id: record for record in known}}

    def begin(self, step: Step) -> None:
        """Before the effect."""
        self.log(f"begin  {step.phase}: {step.title}")
        begun = self.write(lambda now: self.ports.journal.begin(self.run, step, now=now))
        self._begun[step.id] = begun or StepRecord(self.run.id, step.id, 1, self.ports.clock.now())

    def done(self, step: Step, result: Mapping[str, Any]) -> None:
        """After the effect."""
        self.write(lambda now: self.ports.journal.done(self.run, step, result, now=now))
        if (begun := self._begun.get(step.id)) is not None:
            self._begun[step.id] = replace(begun, done_at=self.ports.clock.now(), result=dict(result))
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
        if moved is None:
            ended_at = self.ports.clock.now() if state in ENDED else 0.0
            moved = replace(self.run, state=state, ended_at=ended_at, **changes)
        self.run = moved
        self.log(f"{kind}: {message}")
        return self.run

    def has_said(self, kind: str) -> bool:
        """Whether this run told of it before: what was told is not told again by a runner that carries on."""
        events = self.read(lambda: self.ports.journal.events(run_id=self.run.id))
        return any(event.kind == kind for event in events)

    def add_samples(self, samples: tuple[Sample, ...]) -> None:
        """Measurements of the open window."""
        self.write(lambda _: self.ports.journal.add_samples(self.run, samples))

    def read(self, read: Callable[[], Sequence[T]]) -> Sequence[T]:
        """What the journal answers; nothing where a forgiving record cannot ask it."""
        try:
            return read()
        except MobiusError as problem:
            self.forgive(problem)
            return ()

    def write(self, write: Callable[[float], T]) -> T | None:
        """Writes to the journal with the time of now; None where a forgiving record could not. An emergency that went
        past the journal since ends it here, before the effect that was to follow."""
        try:
            self.ports.spool.check(self.run)
            return write(self.ports.clock.now())
        except MobiusError as problem:
            self.forgive(problem)
            return None

    def forgive(self, problem: MobiusError) -> None:
        """Goes on without the journal on the way back; raises again otherwise, and always when taken over."""
        if isinstance(problem, Locked) or not self.forgiving:
            raise problem
        self.log(f"the journal cannot be used, going on without it: {problem.message}")

    def tell(self, line: str) -> None:
        """One line of progress: to the log alone, unless it says what is waited for, which is an event at once."""
        if isinstance(line, Waiting):
            self.say("waiting", str(line))
        else:
            self.log(f"       {line}")

    def log(self, line: str) -> None:
        """One line to the deployment log alone. What cannot be written there is in the journal, and a full
        disk must not end a rollback for the sake of a line."""
        with suppress(OSError, MobiusError):
            self.ports.deployment_log(self.ports.redact(f"[{self.run.environment} run {self.run.id}] {line}"))


def migrations_folder(step: Step, record: Record) -> Path:
    """Of the release that the step is about."""
    assert record.ports.settings.migrations is not None
    return record.ports.releases.path(step.params["release_id"]) / record.ports.settings.migrations.path

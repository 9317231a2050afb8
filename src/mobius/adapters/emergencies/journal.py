"""The journal of one way back that no journal can be told of: in memory, and line by line in a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mobius.adapters.emergencies.lines import Lines, Told
from mobius.adapters.journals.chain import plain
from mobius.adapters.journals.memory import MemoryJournal
from mobius.adapters.journals.replaying import note_data, noun_data, replay
from mobius.adapters.journals.tables import raise_token
from mobius.model.plan import Step
from mobius.model.release import BackupRecord, Release, ReleaseState
from mobius.model.run import Event, Run, RunState, StepRecord
from mobius.model.sample import Sample
from mobius.ports import Note


class SpoolJournal(MemoryJournal):
    """Answers as a journal that has this run alone. What is told it is kept in `lines` before it returns."""

    def __init__(self, run: Run, lines: Lines, known: Sequence[Told], redact: Callable[[str], str]) -> None:
        super().__init__(redact)
        self._lines = lines
        with self._database.writing() as sql:
            raise_token(sql, run.environment, run.token)
            self._queue(sql, run)
        replay(self, run, known)
        self._kept = True

    _kept = False

    def carried_on(self, run: Run, *, now: float) -> Run:
        """By another process; returns how it stands."""
        assert run.holder is not None
        self._keep(do="carried_on", holder=noun_data(run.holder), token=run.token, at=now)
        return self.run(run.id)

    def begin(self, run: Run, step: Step, *, now: float) -> StepRecord:
        begun = super().begin(run, step, now=now)
        self._keep(do="begin", step=step.id, at=now)
        return begun

    def done(self, run: Run, step: Step, result: Mapping[str, Any], *, now: float) -> StepRecord:
        done = super().done(run, step, result, now=now)
        self._keep(do="done", step=step.id, result=result, at=now)
        return done

    def failed(self, run: Run, step: Step, reason: str, *, now: float) -> StepRecord:
        failed = super().failed(run, step, reason, now=now)
        self._keep(do="failed", step=step.id, reason=reason, at=now)
        return failed

    def say(self, run: Run | None, environment: str, note: Note, *, now: float, who: str = "") -> Event:
        said = super().say(run, environment, note, now=now, who=who)
        self._keep(do="say", note=note_data(note), at=now, who=who)
        return said

    def move(self, run: Run, state: RunState, note: Note, *, now: float, **changes: Any) -> Run:
        moved = super().move(run, state, note, now=now, **changes)
        self._keep(do="move", state=str(state), note=note_data(note), at=now, changes=changes)
        return moved

    def put_release(self, environment: str, release: Release) -> None:
        super().put_release(environment, release)
        self._keep(do="put_release", release=noun_data(release))

    def set_release_state(
        self, environment: str, release_id: str, state: ReleaseState, *, accepted: bool
    ) -> None:
        super().set_release_state(environment, release_id, state, accepted=accepted)
        self._keep(do="set_release_state", release_id=release_id, state=str(state), accepted=accepted)

    def mark_live(
        self, run: Run, release_id: str, *, previous_id: str, failed_id: str, slot: str, now: float
    ) -> None:
        named = {"previous_id": previous_id, "failed_id": failed_id, "slot": slot}
        super().mark_live(run, release_id, **named, now=now)
        self._keep(do="mark_live", release_id=release_id, **named, at=now)

    def put_backup(self, environment: str, backup: BackupRecord) -> None:
        super().put_backup(environment, backup)
        self._keep(do="put_backup", backup=noun_data(backup))

    def add_samples(self, run: Run, samples: Sequence[Sample]) -> None:
        """Nothing is watched without a journal."""

    def close(self) -> None:
        self._lines.close()
        super().close()

    def _keep(self, **line: Any) -> None:
        if self._kept:
            self._lines.add(plain(line, self._redact))

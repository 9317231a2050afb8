"""What a journal was told, as plain data: a line for each call, and the calls made of the lines again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import msgspec

from mobius.adapters.journals.runs import Runs
from mobius.errors import MobiusError
from mobius.model.release import BackupRecord, Release, ReleaseState
from mobius.model.run import Holder, Run, RunState
from mobius.ports import Note

Told = Mapping[str, Any]


def note_data(note: Note) -> dict[str, Any]:
    """As a line has it."""
    return {"kind": note.kind, "message": note.message, "data": dict(note.data or {}), "topic": note.topic}


def noun_data(noun: Release | BackupRecord | Holder) -> dict[str, Any]:
    """As a line has it."""
    return asdict(noun)


def replay(journal: Runs, run: Run, lines: Sequence[Told]) -> Run:
    """Tells `journal` all of it, in the run that it has; returns how that stands then. Raises `MobiusError` for a line
    that this version does not know."""
    for line in lines:
        play = _PLAYS.get(str(line.get("do")))
        if play is None:
            raise MobiusError(
                f"what was written down without a journal has a line of a newer mobius: {line.get('do')!r}",
                "use the mobius that wrote it",
            )
        run = play(journal, run, line) or run
    return run


def _begin(journal: Runs, run: Run, line: Told) -> None:
    journal.begin(run, _step(run, line), now=line["at"])


def _done(journal: Runs, run: Run, line: Told) -> None:
    journal.done(run, _step(run, line), line["result"], now=line["at"])


def _failed(journal: Runs, run: Run, line: Told) -> None:
    journal.failed(run, _step(run, line), line["reason"], now=line["at"])


def _say(journal: Runs, run: Run, line: Told) -> None:
    journal.say(run, run.environment, Note(**line["note"]), now=line["at"], who=line["who"])


def _move(journal: Runs, run: Run, line: Told) -> Run:
    return journal.move(run, RunState(line["state"]), Note(**line["note"]), now=line["at"], **line["changes"])


def _put_release(journal: Runs, run: Run, line: Told) -> None:
    release = msgspec.convert(line["release"], Release)
    if all(known.id != release.id for known in journal.releases(run.environment)):
        journal.put_release(run.environment, release)  # one that is known has had a life, which stays


def _set_release_state(journal: Runs, run: Run, line: Told) -> None:
    state = ReleaseState(line["state"])
    journal.set_release_state(run.environment, line["release_id"], state, accepted=line["accepted"])


def _mark_live(journal: Runs, run: Run, line: Told) -> None:
    journal.mark_live(
        run,
        line["release_id"],
        previous_id=line["previous_id"],
        failed_id=line["failed_id"],
        slot=line["slot"],
        now=line["at"],
    )


def _put_backup(journal: Runs, run: Run, line: Told) -> None:
    backup = msgspec.convert(line["backup"], BackupRecord)
    ours = backup.run_id < 0  # made by this very run, which had no number of the journal's yet
    told = {**asdict(backup), "run_id": run.id} if ours else asdict(backup)
    journal.put_backup(run.environment, msgspec.convert(told, BackupRecord))


def _carried_on(journal: Runs, run: Run, line: Told) -> None:
    holder = msgspec.convert(line["holder"], Holder)
    note = Note("runner started", f"run {run.id} is now in the hands of {holder}", {"token": run.token})
    journal.say(run, run.environment, note, now=line["at"], who=str(holder))


def _step(run: Run, line: Told) -> Any:
    step = run.plan.step(line["step"])
    if step is None:
        raise MobiusError(
            f"what was written down without a journal names a step that its plan has not: {line['step']!r}",
            "keep the file for whoever looks into it; please report this",
        )
    return step


_PLAYS: Mapping[str, Any] = {
    "begin": _begin,
    "done": _done,
    "failed": _failed,
    "say": _say,
    "move": _move,
    "put_release": _put_release,
    "set_release_state": _set_release_state,
    "mark_live": _mark_live,
    "put_backup": _put_backup,
    "carried_on": _carried_on,
}

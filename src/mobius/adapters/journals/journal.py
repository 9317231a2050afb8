"""The whole journal over any database with the tables of `schema`, with what a journal takes in that was done without
it: the way back of an emergency is written down afterwards, wholly or not at all, and once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from mobius.adapters.journals import rows, tables
from mobius.adapters.journals.replaying import replay
from mobius.adapters.journals.runs import Runs
from mobius.adapters.journals.sql import Row, Sql
from mobius.model.emergency import RAISED, TAKEN_IN, Epoch, Spooled
from mobius.model.run import Run, RunState
from mobius.ports import Note

T = TypeVar("T")


class SqlJournal(Runs):
    """What `mobius.ports.Journal` promises."""

    def adopt(self, spooled: Spooled, *, now: float, who: str = "") -> Run | None:
        """The run as this journal has it from now on; one that it has already stays as it is. None where it is one
        event alone, for other runs have acted since."""
        run = spooled.run
        with self._database.writing() as sql:
            if (known := self._taken_in(sql, run.environment, spooled.key)) is not None:
                return rows.run(tables.run_row(sql, known)) if known else None
            if (later := self._later(sql, run)) is not None:
                self._keep_as_event(sql, spooled, later, now, who)
                return None
            run_id = int(sql.execute("SELECT coalesce(max(id), 0) + 1 FROM runs").fetchone()[0])
            about = f"run {run_id} ({run.kind} {run.plan.tag}, {run.holder}), which went past the journal"
            if (active := tables.active_row(sql, run.environment)) is not None:
                self._overtake(sql, active, about, run_id, now)
            token = max(run.token, tables.token_of(sql, run.environment) + 1)
            tables.raise_token(sql, run.environment, token)
            inside = Runs(_Inside(sql), self._redact)
            numbered = replace(run, id=run_id, token=token)
            inside._queue(sql, numbered)
            ended = _closed(replay(inside, numbered, spooled.lines), inside, now)
            facts = {
                "key": spooled.key,
                "token": token,
                "lines": len(spooled.lines),
                "damage": spooled.damage,
            }
            words = f"run {run_id}, which went past the journal, is written down: {ended.state}"
            words += f"; not all of it: {spooled.damage}" if spooled.damage else ""
            inside._append(sql, run_id, run.environment, Note(TAKEN_IN, words, facts), now, who)
            return rows.run(tables.run_row(sql, run_id))

    def token(self, environment: str) -> int:
        """The highest that was given in this environment."""
        return self._database.read(lambda sql: tables.token_of(sql, environment))

    def raise_token(
        self, environment: str, epoch: Epoch, *, now: float, who: str = "", reason: str = ""
    ) -> bool:
        """Whether the environment's token had to be raised to this one, which then fences every run before."""
        if self._database.read(lambda sql: tables.token_of(sql, environment)) >= epoch.token:
            return False
        with self._database.writing() as sql:
            if tables.token_of(sql, environment) >= epoch.token:
                return False
            tables.raise_token(sql, environment, epoch.token)
            if (active := tables.active_row(sql, environment)) is not None:
                self._overtake(sql, active, _whose(epoch), 0, now)
            facts = {"token": epoch.token, "by": epoch.by, "at": epoch.at, "reason": reason}
            words = f"runs before {_whose(epoch)} may not act any more" + (f": {reason}" if reason else "")
            self._append(sql, 0, environment, Note(RAISED, words, facts), now, who)
            return True

    def _later(self, sql: Sql, run: Run) -> Row | None:
        """The newest run that acted after this one had been lost sight of: with a higher token, and told to the journal
        from the start."""
        found = sql.execute(
            "SELECT * FROM runs WHERE environment = ? AND token > ? ORDER BY token DESC",
            (run.environment, run.token),
        )
        later: list[Row] = list(found)
        for row in later:
            told = sql.execute("SELECT 1 FROM events WHERE run_id = ? AND kind = ?", (row["id"], TAKEN_IN))
            if told.fetchone() is None:
                return row
        return None

    def _keep_as_event(self, sql: Sql, spooled: Spooled, later: Row, now: float, who: str) -> None:
        """What it made live may have been replaced twice since: it is written down and nothing follows from it."""
        run = spooled.run
        facts = {
            "key": spooled.key,
            "token": run.token,
            "lines": [dict(line) for line in spooled.lines],
            "damage": spooled.damage,
            "later_run": later["id"],
        }
        words = f"{run.kind} {run.plan.tag} of {tables.clock(run.started_at)} by {run.holder} went past the journal"
        words += f"; run {later['id']} acted since, so it is written down here and changes nothing"
        self._append(sql, 0, run.environment, Note(TAKEN_IN, words, facts), now, who)

    def _taken_in(self, sql: Sql, environment: str, key: str) -> int | None:
        """The run that this became, 0 where it is an event alone, None while it is none."""
        query = "SELECT run_id, data FROM events WHERE environment = ? AND kind = ?"
        for row in sql.execute(query, (environment, TAKEN_IN)):
            if json.loads(row["data"]).get("key") == key:
                return int(row["run_id"])
        return None


def _whose(epoch: Epoch) -> str:
    if not epoch.by:
        return f"token {epoch.token}, which this journal did not give,"
    return f"an emergency of {epoch.by} that is not written down"


def _closed(run: Run, inside: Runs, now: float) -> Run:
    """One that was cut off waits for whoever carries it on, unless it never began, or only a person can say."""
    if run.ended:
        return run
    begun = [record for record in inside.steps(run.id) if not record.is_done and not record.failed]
    if run.state is RunState.QUEUED:
        words = "it was cut off before it began"
        return inside.move(run, RunState.ABORTED, Note("run ended", words), now=now, sentence=words)
    if run.plan.facts.get("backup") or any(_is_of_a_command(run, record.step_id) for record in begun):
        words = "it was cut off, and no journal knew how far it was"
        facts = {"sentence": words, "exit_code": 13, "choices": [f"mobius status -e {run.environment}"]}
        note = Note("page", f"going back was cut off: {words}", facts, "alert")
        return inside.move(run, RunState.FAILED, note, now=now, exit_code=13, sentence=words)
    return run


def _is_of_a_command(run: Run, step_id: str) -> bool:
    """What such a step began is known by the run's number, which is another one now."""
    step = run.plan.step(step_id)
    return step is None or step.action == "command"


class _Inside:
    """A database that is one transaction which somebody else has begun, and will end."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    @contextmanager
    def writing(self) -> Iterator[Sql]:
        yield self._sql

    def read(self, query: Callable[[Sql], T]) -> T:
        return query(self._sql)

    def is_writable(self) -> bool:
        return True

    def close(self) -> None:
        """It is not ours to close."""

"""What a journal promises of a way back that went past it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from adapters.contracts.journal_facts import ANNA, BEN, PLAN, STAGE, kinds, moved, opened, release
from mobius.errors import Fenced
from mobius.model.emergency import Epoch, Spooled
from mobius.model.release import ReleaseState
from mobius.model.run import Run, RunState
from mobius.ports import Journal

PAST = Run(
    -1717, "production", "rollback", RunState.QUEUED, 7 << 30, replace(PLAN, kind="rollback"), "Ben", 200.0,
    holder=BEN,
)  # fmt: skip


def note(kind: str, topic: str = "") -> dict[str, Any]:
    return {"kind": kind, "message": f"so it was: {kind}", "data": {"n": 1}, "topic": topic}


LINES: tuple[dict[str, Any], ...] = (
    {"do": "move", "state": "rolling back", "note": note("rollback begun", "started"), "at": 201.0, "changes": {}},
    {"do": "begin", "step": "stage", "at": 202.0},
    {"do": "done", "step": "stage", "result": {"by": "hand"}, "at": 203.0},
    {"do": "mark_live", "release_id": "r1", "previous_id": "", "failed_id": "r2", "slot": "blue", "at": 204.0},
    {"do": "say", "note": note("noted"), "at": 205.0, "who": ""},
)  # fmt: skip
ENDED = {
    "do": "move", "state": "rolled back", "note": note("rolled back"), "at": 206.0,
    "changes": {"sentence": "r1 is live"},
}  # fmt: skip
WHOLE = Spooled("key-1", PAST, (*LINES, ENDED), is_ended=True)
CUT_OFF = Spooled("key-2", PAST, LINES)


class EmergenciesContract:
    def test_a_way_back_that_went_past_it_is_taken_in_with_all_that_it_did(self, journal: Journal) -> None:
        watching = _with_a_window(journal)
        run = journal.adopt(WHOLE, now=300.0, who="ben@laptop")
        assert (run.id, run.state, run.sentence, run.started_at) == (
            2,
            RunState.ROLLED_BACK,
            "r1 is live",
            200.0,
        )
        assert journal.run(watching.id).state is RunState.SUPERSEDED
        assert journal.active_run("production") is None
        told = [*_queued_to_noted(), "rolled back", "emergency recorded"]
        assert kinds(journal, run_id=run.id) == told
        assert [(step.step_id, step.result) for step in journal.steps(run.id)] == [("stage", {"by": "hand"})]
        states = {one.id: one.state for one in journal.releases("production")}
        assert states == {"r1": ReleaseState.LIVE, "r2": ReleaseState.FAILED}
        assert journal.verify_chain()[0] == len(journal.events())

    def test_it_is_taken_in_once_whoever_brings_it_and_however_often(self, journal: Journal) -> None:
        _with_a_window(journal)
        with ThreadPoolExecutor(4) as several:
            taken = list(several.map(lambda _: journal.adopt(WHOLE, now=300.0), range(8)))
        assert {run.id for run in taken} == {2}
        assert len(journal.runs("production")) == 2
        assert kinds(journal).count("emergency recorded") == 1

    def test_what_was_begun_before_it_may_not_write_any_more_and_what_comes_after_is_above(
        self, journal: Journal
    ) -> None:
        running = moved(journal, opened(journal), RunState.RUNNING)
        _known(journal)
        run = journal.adopt(WHOLE, now=300.0)
        with pytest.raises(Fenced):
            journal.begin(running, STAGE, now=301.0)
        assert run.token == PAST.token
        assert opened(journal, now=302.0).token == PAST.token + 1

    def test_one_that_was_cut_off_is_left_to_be_carried_on(self, journal: Journal) -> None:
        _with_a_window(journal)
        run = journal.adopt(CUT_OFF, now=300.0)
        assert run.state is RunState.ROLLING_BACK
        taken = journal.take_over(run, holder=ANNA, now=301.0)
        assert taken.token > PAST.token
        journal.begin(taken, STAGE, now=302.0)

    def test_one_that_never_began_is_closed(self, journal: Journal) -> None:
        run = journal.adopt(Spooled("key-3", PAST), now=300.0)
        assert run.state is RunState.ABORTED
        assert run.sentence == "it was cut off before it began"

    def test_one_with_data_that_was_cut_off_is_left_to_a_person(self, journal: Journal) -> None:
        _known(journal)
        plan = replace(PAST.plan, facts={"backup": "dhash.zip"})
        run = journal.adopt(replace(CUT_OFF, run=replace(PAST, plan=plan)), now=300.0)
        assert (run.state, run.exit_code) == (RunState.FAILED, 13)
        assert any(row.topic == "alert" for row in journal.outbox())

    def test_a_second_emergency_takes_over_one_that_was_cut_off(self, journal: Journal) -> None:
        _known(journal)
        first = journal.adopt(CUT_OFF, now=300.0)
        second = journal.adopt(WHOLE, now=301.0)
        assert journal.run(first.id).state is RunState.SUPERSEDED
        assert second.token > first.token

    def test_what_is_missing_of_it_is_said(self, journal: Journal) -> None:
        _known(journal)
        run = journal.adopt(replace(WHOLE, damage="line 9 is not what was written"), now=300.0)
        (told,) = journal.events(run_id=run.id, kinds=("emergency recorded",))
        assert "line 9 is not what was written" in told.message

    def test_one_that_others_have_gone_past_is_kept_as_an_event_and_changes_nothing(
        self, journal: Journal
    ) -> None:
        _known(journal)
        journal.raise_token("production", Epoch(PAST.token, "ben@laptop", 250.0), now=280.0, who="anna")
        later = moved(journal, opened(journal, now=290.0), RunState.RUNNING)
        for _ in range(2):
            assert journal.adopt(WHOLE, now=300.0, who="ben@laptop") is None
        journal.begin(later, STAGE, now=301.0)
        assert [run.id for run in journal.runs("production")] == [later.id]
        states = {one.id: one.state for one in journal.releases("production")}
        assert states == {"r1": ReleaseState.PREVIOUS, "r2": ReleaseState.LIVE}
        (told,) = journal.events(kinds=("emergency recorded",))
        assert (told.run_id, told.data["key"], told.data["later_run"]) == (0, "key-1", later.id)
        assert [line["do"] for line in told.data["lines"]] == [line["do"] for line in WHOLE.lines]
        assert f"run {later.id} acted since" in told.message
        journal.verify_chain()

    def test_one_that_comes_after_its_token_was_raised_and_before_any_run_is_taken_in_as_ever(
        self, journal: Journal
    ) -> None:
        _known(journal)
        second = replace(WHOLE, key="key-9", run=replace(PAST, token=9 << 30))
        journal.raise_token("production", Epoch(9 << 30, "ben@laptop", 250.0), now=280.0)
        first, last = journal.adopt(WHOLE, now=300.0), journal.adopt(second, now=301.0)
        assert first is not None
        assert last is not None
        assert last.token > first.token > 9 << 30
        assert last.state is RunState.ROLLED_BACK

    def test_who_raised_a_token_and_why_is_in_the_record(self, journal: Journal) -> None:
        epoch = Epoch(PAST.token, "ben@laptop (pid 12)", 250.0)
        assert journal.token("production") == 0
        journal.raise_token("production", epoch, now=300.0, who="anna@web1", reason="ben's laptop is lost")
        assert journal.token("production") == PAST.token
        (told,) = journal.events(kinds=("token raised",))
        assert (told.who, told.data["reason"]) == ("anna@web1", "ben's laptop is lost")
        assert told.message.endswith("may not act any more: ben's laptop is lost")

    def test_a_token_is_raised_once_and_never_lowered(self, journal: Journal) -> None:
        running = moved(journal, opened(journal), RunState.RUNNING)
        epoch = Epoch(PAST.token, "ben@laptop (pid 12)", 250.0)
        assert journal.raise_token("production", epoch, now=300.0)
        with pytest.raises(Fenced):
            journal.begin(running, STAGE, now=301.0)
        assert journal.active_run("production") is None
        assert not journal.raise_token("production", epoch, now=302.0)
        assert opened(journal, now=303.0).token == PAST.token + 1
        assert not journal.raise_token("production", Epoch(5), now=304.0)


def _known(journal: Journal) -> None:
    journal.put_release("production", release("r1", state=ReleaseState.PREVIOUS, slot="blue"))
    journal.put_release("production", release("r2", state=ReleaseState.LIVE, slot="green"))


def _with_a_window(journal: Journal) -> Run:
    _known(journal)
    return moved(journal, opened(journal), RunState.OBSERVING)


def _queued_to_noted() -> list[str]:
    return ["run queued", "rollback begun", "step begun", "step done", "noted"]

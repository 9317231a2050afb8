"""What every journal must hold to of steps, events and the outbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.contracts.journal_facts import (
    MIGRATE,
    STAGE,
    kinds,
    opened,
)
from mobius.errors import MobiusError, UsageError
from mobius.model.run import RunState
from mobius.model.sample import Sample
from mobius.ports import Journal, Note


class StepsContract:
    def test_a_step_is_begun_before_and_done_after(self, journal: Journal) -> None:
        run = opened(journal)
        begun = journal.begin(run, STAGE, now=101.0)
        assert (begun.attempt, begun.begun_at, begun.is_done) == (1, 101.0, False)
        assert journal.steps(run.id) == (begun,)
        done = journal.done(run, STAGE, {"digest": "aa", "sizes": (1, 2)}, now=103.5)
        assert (done.is_done, done.done_at, done.result) == (True, 103.5, {"digest": "aa", "sizes": [1, 2]})
        assert journal.steps(run.id) == (done,)
        last = journal.events()[-1]
        assert (last.kind, last.message) == ("step done", "Stage v2: done in 2.5 s")
        assert last.data["result"] == {"digest": "aa", "sizes": [1, 2]}

    def test_done_twice_keeps_the_first(self, journal: Journal) -> None:
        run = opened(journal)
        journal.begin(run, STAGE, now=101.0)
        first = journal.done(run, STAGE, {"n": 1}, now=102.0)
        events = journal.events()
        assert journal.done(run, STAGE, {"n": 2}, now=109.0) == first
        assert journal.failed(run, STAGE, "too late", now=110.0) == first
        assert journal.events() == events

    def test_a_failed_step_keeps_its_reason_until_the_next_attempt(self, journal: Journal) -> None:
        run = opened(journal)
        journal.begin(run, STAGE, now=101.0)
        failed = journal.failed(run, STAGE, "npm ci: exit 1", now=102.0)
        assert (failed.failed, failed.is_done, failed.attempt) == ("npm ci: exit 1", False, 1)
        again = journal.begin(run, STAGE, now=103.0)
        assert (again.attempt, again.failed) == (2, "")
        assert journal.steps(run.id) == (again,)
        assert kinds(journal) == ["run queued", "step begun", "step failed", "step begun"]
        assert journal.events()[-1].message == "Stage v2 (attempt 2)"

    def test_a_step_found_done_after_it_failed_is_done(self, journal: Journal) -> None:
        run = opened(journal)
        journal.begin(run, STAGE, now=101.0)
        journal.failed(run, STAGE, "timed out", now=102.0)
        found = journal.done(run, STAGE, {}, now=103.0)
        assert (found.is_done, found.failed) == (True, "")

    def test_steps_come_in_the_order_they_were_first_begun(self, journal: Journal) -> None:
        run = opened(journal)
        for step in (STAGE, MIGRATE, STAGE):
            journal.begin(run, step, now=101.0)
        assert [(s.step_id, s.attempt) for s in journal.steps(run.id)] == [("stage", 2), ("migrate", 1)]

    def test_a_step_that_never_began_cannot_end(self, journal: Journal) -> None:
        run = opened(journal)
        for end in (
            lambda: journal.done(run, STAGE, {}, now=1.0),
            lambda: journal.failed(run, STAGE, "x", now=1.0),
        ):
            with pytest.raises(
                MobiusError, match="step stage of run 1 was never begun, so it cannot have ended"
            ):
                end()

    def test_whatever_a_step_results_in_can_be_written_down(self, journal: Journal) -> None:
        run = opened(journal)
        journal.begin(run, STAGE, now=101.0)
        odd = {
            "path": Path("a") / "b",
            "state": RunState.RUNNING,
            "sample": Sample("cpu", 1.0, value=float("nan")),
            "name": "a\0b\udcff",
            "set": {"b", "a"},
            3: None,
        }
        result = journal.done(run, STAGE, odd, now=102.0).result
        assert result["path"] == str(Path("a") / "b")
        assert (result["state"], result["set"], result["3"]) == ("running", ["a", "b"], None)
        assert result["name"] == "a\\x00b\\udcff"
        assert result["sample"]["value"] == "nan"
        assert journal.steps(run.id)[0].result == result
        journal.verify_chain()

    # Events and outbox

    def test_events_of_no_run_belong_to_their_environment(self, journal: Journal) -> None:
        said = journal.say(
            None, "staging", Note("frozen", "until Monday", {"why": "fair"}), now=5.0, who="ben"
        )
        assert (said.seq, said.run_id, said.who, said.data) == (1, 0, "ben", {"why": "fair"})
        assert journal.events(environment="staging") == (said,)
        assert journal.events(environment="production") == ()

    def test_events_can_be_followed(self, journal: Journal) -> None:
        run = opened(journal)
        for n in range(4):
            journal.say(run, "production", Note("tick", str(n)), now=float(n))
        journal.say(None, "production", Note("aside", "x"), now=9.0)
        assert [e.seq for e in journal.events(after=3)] == [4, 5, 6]
        assert [e.seq for e in journal.events(after=1, limit=2)] == [2, 3]
        assert [e.message for e in journal.events(run_id=run.id, after=1)] == ["0", "1", "2", "3"]

    def test_a_note_with_a_topic_is_in_the_outbox_with_the_head_of_the_chain(self, journal: Journal) -> None:
        run = opened(journal)
        event = journal.say(run, "production", Note("page", "help", {"n": 1}, topic="alert"), now=7.0)
        moved_ = journal.move(run, RunState.ABORTED, Note("aborted", "by Ben", topic="failed"), now=8.0)
        first, second = journal.outbox()
        assert (first.event_seq, first.topic, first.created_at) == (event.seq, "alert", 7.0)
        assert (first.sent_at, first.attempts, first.last_error) == (0.0, 0, "")
        assert first.payload == {
            "seq": event.seq,
            "run_id": run.id,
            "environment": "production",
            "at": 7.0,
            "kind": "page",
            "message": "help",
            "data": {"n": 1},
            "who": "anna@web1 (pid 4711)",
            "head": event.hash,
        }
        assert second.topic == "failed" and second.payload["run_id"] == moved_.id

    def test_events_are_told_of_the_kinds_that_are_named_and_after_the_one_that_is_known(
        self, journal: Journal
    ) -> None:
        for place, kind in enumerate(("disarmed", "issue", "armed", "issue")):
            journal.say(None, "production", Note(kind, kind), now=float(place))
        journal.say(None, "staging", Note("issue", "elsewhere"), now=9.0)
        found = journal.events(environment="production", kinds=("issue", "armed"))
        assert [event.kind for event in found] == ["issue", "armed", "issue"]
        later = journal.events(environment="production", kinds=("issue", "armed"), after=found[1].seq)
        assert [event.at for event in later] == [3.0]
        assert journal.events(kinds=("frozen",)) == ()

    def test_a_message_stays_in_the_outbox_until_it_is_sent(self, journal: Journal) -> None:
        journal.say(None, "production", Note("page", "help", topic="alert"), now=7.0)
        (row,) = journal.outbox()
        journal.mark_sent(row.id, now=8.0, error="smtp: refused")
        (row,) = journal.outbox()
        assert (row.attempts, row.last_error, row.sent_at) == (1, "smtp: refused", 0.0)
        journal.mark_sent(row.id, now=9.0)
        assert journal.outbox() == ()
        (row,) = journal.outbox(unsent_only=False)
        assert (row.attempts, row.last_error, row.sent_at) == (2, "", 9.0)
        journal.mark_sent(row.id, now=10.0, error="again")
        assert journal.outbox(unsent_only=False)[0].sent_at == 9.0
        with pytest.raises(UsageError, match="the outbox has no message 99"):
            journal.mark_sent(99, now=1.0)

"""What every journal must hold to, in the words of `mobius.ports.Journal`. Subclasses give the `journal`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mobius.errors import Fenced, Locked, MobiusError, UsageError
from mobius.model.plan import Plan, Repeat, Step, Way, WayBack
from mobius.model.release import BackupRecord, Release, ReleaseState
from mobius.model.run import ENDED, Holder, Run, RunState
from mobius.model.sample import Sample
from mobius.ports import Journal, Note

ANNA = Holder("anna", "web1", 4711, since=1_717_200_000.0, boot_id="b1")
BEN = Holder("ben", "laptop", 12, since=1_717_200_600.0)
STAGE = Step("stage", "stage", "stage_release", "Stage v2", {"tag": "v2"})
MIGRATE = Step("migrate", "migrate", "migrate", "Apply 0002", {"n": [1, 2]}, Repeat.ASK, 3.5)
BACK = WayBack(
    "after traffic", Way.CODE_ALONE, (Step("back", "back", "switch", "Switch back"),), 1.0, "nothing"
)
PLAN = Plan(
    "deploy",
    "dhash",
    "production",
    "v2",
    "r2",
    "r1",
    "green",
    "blue",
    (STAGE, MIGRATE),
    (BACK,),
    (),
    hash="abc",
)


def opened(
    journal: Journal, environment: str = "production", *, kind: str = "deploy", now: float = 100.0
) -> Run:
    return journal.open_run(environment, replace(PLAN, kind=kind), lead="Anna", holder=ANNA, now=now)


def moved(journal: Journal, run: Run, state: RunState, now: float = 101.0, **changes: Any) -> Run:
    return journal.move(run, state, Note("moved", f"now {state}"), now=now, **changes)


def kinds(journal: Journal, **which: Any) -> list[str]:
    return [event.kind for event in journal.events(**which)]


class JournalContract:
    # Runs, tokens, preemption

    def test_a_new_run_is_queued_with_its_plan_and_can_be_read_back(self, journal: Journal) -> None:
        run = opened(journal)
        assert (run.id, run.state, run.kind, run.lead, run.started_at) == (
            1,
            RunState.QUEUED,
            "deploy",
            "Anna",
            100.0,
        )
        assert run.plan == PLAN
        assert run.holder == ANNA
        assert journal.run(run.id) == run
        assert journal.active_run("production") == run
        assert kinds(journal) == ["run queued"]

    def test_an_empty_journal_answers_every_question_with_nothing(self, journal: Journal) -> None:
        assert journal.runs("production") == ()
        assert journal.active_run("production") is None
        assert journal.steps(1) == () and journal.samples(1) == () and journal.events() == ()
        assert journal.releases("production") == () and journal.backups("production") == ()
        assert journal.outbox() == ()
        assert journal.verify_chain() == (0, "")
        with pytest.raises(UsageError) as error:
            journal.run(7)
        assert (error.value.message, error.value.hint) == (
            "the journal has no run 7",
            "list them: mobius history",
        )

    @pytest.mark.parametrize("state", [RunState.QUEUED, RunState.RUNNING, RunState.ROLLING_BACK])
    def test_a_second_run_is_refused_with_the_holders_name_while_one_acts(
        self, journal: Journal, state: RunState
    ) -> None:
        first = moved(journal, opened(journal), state)
        before = journal.events()
        with pytest.raises(Locked) as error:
            journal.open_run("production", PLAN, lead="Ben", holder=BEN, now=102.0)
        assert error.value.exit_code == 10
        assert error.value.message.startswith(
            f"production is locked by run 1 (deploy, {state}): anna@web1 (pid 4711) since 20"
        )
        assert error.value.hint == (
            "look on: mobius status -e production; stop it: mobius abort -e production"
        )
        assert journal.active_run("production") == first
        assert journal.events() == before

    @pytest.mark.parametrize("state", [RunState.OBSERVING, RunState.NEEDS_OPERATOR])
    def test_a_run_that_acts_no_more_is_superseded_in_the_same_transaction(
        self, journal: Journal, state: RunState
    ) -> None:
        old = moved(journal, opened(journal), state)
        new = journal.open_run(
            "production", replace(PLAN, kind="rollback"), lead="Ben", holder=BEN, now=200.0
        )
        ended = journal.run(old.id)
        assert (ended.state, ended.ended_at) == (RunState.SUPERSEDED, 200.0)
        assert ended.sentence == "superseded by run 2 (rollback v2, ben@laptop (pid 12))"
        assert new.token > old.token
        assert journal.active_run("production") == new
        (event,) = [e for e in journal.events(run_id=old.id) if e.kind == "superseded"]
        assert event.message == "run 1 was superseded by run 2 (rollback v2, ben@laptop (pid 12))"
        assert event.data == {
            "by": "run 2 (rollback v2, ben@laptop (pid 12))",
            "by_run": 2,
            "was": str(state),
        }

    def test_environments_do_not_lock_each_other(self, journal: Journal) -> None:
        one, two = opened(journal, "production"), opened(journal, "staging")
        assert (journal.active_run("production"), journal.active_run("staging")) == (one, two)
        assert journal.runs("staging") == (two,)
        moved(journal, one, RunState.RUNNING)
        moved(journal, two, RunState.RUNNING)

    def test_tokens_only_ever_rise(self, journal: Journal) -> None:
        tokens = []
        for now in range(5):
            run = opened(journal, now=float(now))
            tokens.append(run.token)
            run = journal.take_over(run, holder=BEN, now=float(now))
            tokens.append(run.token)
            moved(journal, run, RunState.ABORTED)
        assert tokens == sorted(set(tokens))

    def test_runs_come_newest_first_and_no_more_than_asked(self, journal: Journal) -> None:
        for _ in range(3):
            moved(journal, opened(journal), RunState.ACCEPTED)
        assert [run.id for run in journal.runs("production")] == [3, 2, 1]
        assert [run.id for run in journal.runs("production", 2)] == [3, 2]

    @pytest.mark.parametrize(
        "write",
        [
            lambda j, r: moved(j, r, RunState.RUNNING),
            lambda j, r: j.begin(r, MIGRATE, now=9.0),
            lambda j, r: j.done(r, STAGE, {}, now=9.0),
            lambda j, r: j.failed(r, STAGE, "no", now=9.0),
            lambda j, r: j.say(r, "production", Note("x", "y"), now=9.0),
            lambda j, r: j.add_samples(r, [Sample("probe", 9.0)]),
            lambda j, r: j.mark_live(r, "r1", previous_id="", failed_id="", slot="blue", now=9.0),
        ],
        ids=["move", "begin", "done", "failed", "say", "add_samples", "mark_live"],
    )
    @pytest.mark.parametrize("by", ["a newer run", "another runner"])
    def test_who_was_taken_over_can_write_nothing_more(
        self, journal: Journal, write: Callable[[Journal, Run], object], by: str
    ) -> None:
        old = opened(journal)
        journal.put_release("production", release("r1"))
        journal.begin(old, STAGE, now=101.0)
        old = moved(journal, old, RunState.OBSERVING)
        if by == "a newer run":
            journal.open_run("production", PLAN, lead="Ben", holder=BEN, now=102.0)
        else:
            journal.take_over(old, holder=BEN, now=102.0)
        before = (
            journal.run(1),
            journal.events(),
            journal.steps(1),
            journal.samples(1),
            journal.releases("production"),
        )
        with pytest.raises(Fenced) as error:
            write(journal, old)
        after = (
            journal.run(1),
            journal.events(),
            journal.steps(1),
            journal.samples(1),
            journal.releases("production"),
        )
        assert after == before
        who = "run 2 (deploy)" if by == "a newer run" else "another runner of it"
        assert error.value.message.startswith(
            f"run 1 may not act on production any more: {who} has taken over, by ben@laptop (pid 12) at 20"
        )
        assert error.value.hint == "see what it does: mobius status -e production"

    def test_a_restarted_runner_takes_its_run_over(self, journal: Journal) -> None:
        run = moved(journal, opened(journal), RunState.RUNNING, sentence="staging")
        mine = journal.take_over(run, holder=BEN, now=105.0)
        assert mine == replace(run, token=mine.token, holder=BEN)
        assert mine.token > run.token
        assert kinds(journal)[-1] == "runner started"
        journal.begin(mine, STAGE, now=106.0)

    def test_a_superseded_run_cannot_be_taken_over_while_its_successor_acts(self, journal: Journal) -> None:
        old = moved(journal, opened(journal), RunState.OBSERVING)
        new = journal.open_run("production", PLAN, lead="Ben", holder=BEN, now=102.0)
        with pytest.raises(Fenced):
            journal.take_over(old, holder=ANNA, now=103.0)
        moved(journal, new, RunState.RUNNING)

    def test_moving_changes_what_was_named_and_leaves_its_event(self, journal: Journal) -> None:
        run = opened(journal)
        run = journal.move(
            run,
            RunState.OBSERVING,
            Note("window opened", "watching until 12:00", {"interval_s": 1}),
            now=110.0,
            window_opened_at=110.0,
            window_deadline=170.0,
            sentence="v2 is live",
        )
        assert (run.state, run.window_opened_at, run.window_deadline) == (RunState.OBSERVING, 110.0, 170.0)
        assert (run.sentence, run.ended_at, run.ended) == ("v2 is live", 0.0, False)
        assert journal.run(run.id) == run
        event = journal.events()[-1]
        assert (event.kind, event.message, event.data) == (
            "window opened",
            "watching until 12:00",
            {"interval_s": 1},
        )
        assert (event.run_id, event.at, event.who) == (run.id, 110.0, "anna@web1 (pid 4711)")

    def test_a_run_cannot_be_given_what_it_has_not(self, journal: Journal) -> None:
        run = opened(journal)
        with pytest.raises(UsageError, match="a run cannot be given token"):
            moved(journal, run, RunState.RUNNING, token=99)
        assert journal.run(run.id) == run

    @pytest.mark.parametrize("state", sorted(ENDED))
    def test_an_ended_run_stays_ended_and_makes_room(self, journal: Journal, state: RunState) -> None:
        run = moved(journal, opened(journal), state, now=150.0, exit_code=3)
        assert (run.state, run.ended_at, run.exit_code) == (state, 150.0, 3)
        assert journal.active_run("production") is None
        with pytest.raises(MobiusError, match=f"run 1 is {state}, which is final: it cannot become running"):
            moved(journal, run, RunState.RUNNING)
        assert moved(journal, run, state, now=160.0, sentence="the report is written").ended_at == 150.0
        assert opened(journal).id == 2

    # Steps

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

    # Samples, releases, backups

    def test_samples_come_back_as_they_were_oldest_first(self, journal: Journal) -> None:
        run = opened(journal)
        later = Sample("traffic", 20.0, requests=9, errors=1, histogram=(0, 3, 6))
        earlier = [
            Sample("probe", 10.0, ok=True, value=12.5),
            Sample("probe", 10.0, ok=False, note="answered 500"),
            Sample("cpu", 11.0, missing="no cgroup"),
        ]
        journal.add_samples(run, [later])
        journal.add_samples(run, earlier)
        journal.add_samples(run, [])
        assert journal.samples(run.id) == (*earlier, later)
        assert journal.samples(run.id, since=11.0) == (earlier[2], later)
        assert journal.samples(2) == ()

    def test_a_release_is_added_or_replaced(self, journal: Journal) -> None:
        journal.put_release("production", release("r1", staged_at=10.0))
        journal.put_release("production", release("r2", staged_at=20.0))
        journal.put_release("staging", release("r9"))
        journal.put_release("production", release("r1", staged_at=10.0, slot="blue", accepted=True))
        assert journal.releases("production") == (
            release("r2", staged_at=20.0),
            release("r1", staged_at=10.0, slot="blue", accepted=True),
        )

    def test_marking_live_says_what_becomes_of_every_other_release(self, journal: Journal) -> None:
        run = opened(journal)
        for n, state in enumerate(ReleaseState):
            journal.put_release("production", release(str(state), staged_at=-n, state=state))
        journal.put_release("production", release("new", staged_at=1.0))
        journal.put_release("staging", release("live", state=ReleaseState.LIVE))
        journal.mark_live(run, "new", previous_id="live", failed_id="", slot="green", now=50.0)
        after = {r.id: r.state for r in journal.releases("production")}
        assert after == {
            "new": ReleaseState.LIVE,
            "staged": ReleaseState.STAGED,
            "live": ReleaseState.PREVIOUS,
            "previous": ReleaseState.RETIRED,
            "retired": ReleaseState.RETIRED,
            "failed": ReleaseState.FAILED,
        }
        live = journal.releases("production")[0]
        assert (live.slot, live.live_since) == ("green", 50.0)
        assert journal.releases("staging")[0].state is ReleaseState.LIVE
        once = journal.releases("production")
        journal.mark_live(run, "new", previous_id="live", failed_id="", slot="green", now=60.0)
        assert journal.releases("production") == once

    def test_a_release_taken_back_has_failed_and_the_old_one_is_live_again(self, journal: Journal) -> None:
        run = opened(journal)
        journal.put_release(
            "production", release("r1", state=ReleaseState.PREVIOUS, slot="blue", live_since=1.0)
        )
        journal.put_release(
            "production", release("r2", state=ReleaseState.LIVE, slot="green", live_since=9.0)
        )
        journal.mark_live(run, "r1", previous_id="", failed_id="r2", slot="blue", now=50.0)
        after = {r.id: (r.state, r.live_since) for r in journal.releases("production")}
        assert after == {"r1": (ReleaseState.LIVE, 50.0), "r2": (ReleaseState.FAILED, 9.0)}
        journal.mark_live(run, "", previous_id="", failed_id="r1", slot="", now=60.0)
        assert {r.state for r in journal.releases("production")} == {ReleaseState.FAILED}

    def test_a_release_nobody_recorded_cannot_be_live(self, journal: Journal) -> None:
        run = opened(journal)
        journal.put_release("production", release("r1", state=ReleaseState.LIVE))
        with pytest.raises(
            MobiusError, match="r7 cannot be live: production has no such release in its journal"
        ):
            journal.mark_live(run, "r7", previous_id="r1", failed_id="", slot="green", now=1.0)
        assert journal.releases("production")[0].state is ReleaseState.LIVE

    def test_one_release_changes_its_state_and_an_unknown_one_is_ignored(self, journal: Journal) -> None:
        journal.put_release("production", release("r1", state=ReleaseState.LIVE))
        journal.set_release_state("production", "r1", ReleaseState.LIVE, accepted=True)
        journal.set_release_state("production", "r7", ReleaseState.LIVE, accepted=True)
        assert journal.releases("production") == (release("r1", state=ReleaseState.LIVE, accepted=True),)

    def test_backups_are_added_or_replaced_and_come_newest_first(self, journal: Journal) -> None:
        old = BackupRecord("b1", "/b/b1.zip", "aa", 10, 1.0, "r1", 1, "release")
        new = replace(old, name="b2", created_at=2.0, size_bytes=2**40, metadata={"files": 3})
        journal.put_backup("production", new)
        journal.put_backup("production", old)
        journal.put_backup("staging", old)
        proven = replace(old, verified_at=3.0, rehearsed_at=4.0, restore_s=1.5)
        proven = replace(proven, booted=True, rto_s=2.5, rpo_s=41.0)
        journal.put_backup("production", proven)
        assert journal.backups("production") == (new, proven)
        unproven = replace(proven, booted=False, not_proven="no bubblewrap", rto_s=0.0)
        journal.put_backup("production", unproven)
        assert journal.backups("production") == (new, unproven)

    # Secrets, threads

    def test_no_secret_reaches_what_is_stored(self, make: Callable[..., Journal]) -> None:
        journal = make(redact=lambda words: words.replace("hunter2", "•••"))
        run = opened(journal)
        journal.begin(run, replace(STAGE, title="login hunter2"), now=1.0)
        journal.failed(run, STAGE, "hunter2 refused", now=2.0)
        journal.done(run, STAGE, {"hunter2": ["a hunter2", {"deep": ("hunter2",)}]}, now=3.0)
        journal.say(
            run,
            "production",
            Note("page", "hunter2", {"x": "hunter2"}, topic="alert"),
            now=4.0,
            who="hunter2",
        )
        journal.mark_sent(1, now=5.0, error="hunter2")
        journal.add_samples(run, [Sample("smoke", 6.0, missing="hunter2", note="hunter2")])
        journal.put_backup(
            "production",
            BackupRecord("b", "p", "s", 1, 1.0, "r", 1, "release", metadata={"hunter2": "hunter2"}),
        )
        moved(journal, run, RunState.OBSERVING, sentence="hunter2 is out")
        everything = repr(
            [
                *(journal.runs("production"), journal.events(), journal.steps(1), journal.samples(1)),
                *(journal.outbox(unsent_only=False), journal.backups("production")),
            ]
        )
        assert "hunter2" not in everything
        assert "••• is out" in everything
        journal.verify_chain()

    def test_a_write_that_fails_half_way_leaves_nothing_behind(self, make: Callable[..., Journal]) -> None:
        def redact(words: str) -> str:
            if words == "boom":
                raise ZeroDivisionError
            return words

        journal = make(redact=redact)
        run = moved(journal, opened(journal), RunState.OBSERVING)
        before = (journal.run(run.id), journal.events())
        with pytest.raises(ZeroDivisionError):  # after the old run was superseded
            journal.open_run("production", PLAN, lead="boom", holder=BEN, now=1.0)
        with pytest.raises(ZeroDivisionError):
            journal.add_samples(run, [Sample("probe", 1.0), Sample("probe", 2.0, note="boom")])
        assert (journal.run(run.id), journal.events()) == before
        assert journal.runs("production") == before[:1]
        assert journal.samples(run.id) == ()
        journal.begin(run, STAGE, now=2.0)

    def test_threads_take_turns(self, journal: Journal) -> None:
        run = opened(journal)
        errors: list[BaseException] = []

        def write(name: str) -> None:
            try:
                for n in range(10):
                    journal.say(run, "production", Note(name, str(n)), now=float(n))
                    journal.events(after=1, limit=5)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=write, args=(f"t{n}",)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert errors == []
        assert journal.verify_chain()[0] == 41
        for thread_name in ("t0", "t1", "t2", "t3"):
            said = [e.message for e in journal.events() if e.kind == thread_name]
            assert said == [str(n) for n in range(10)]

    # The chain

    def test_the_chain_holds_and_every_head_once_seen_is_in_it(self, journal: Journal) -> None:
        run = opened(journal)
        heads = [journal.events()[-1].hash]
        for n in range(5):
            heads.append(journal.say(run, "production", Note("tick", str(n)), now=float(n)).hash)
        assert journal.verify_chain() == (6, heads[-1])
        for head in heads:
            assert journal.verify_chain(head) == (6, heads[-1])
        with pytest.raises(MobiusError) as error:
            journal.verify_chain("00ff")
        assert error.value.message == (
            "the audit log was cut off or replaced: none of its 6 events has the hash 00ff"
        )

    def test_each_event_names_the_hash_of_the_one_before(self, journal: Journal) -> None:
        moved(journal, opened(journal), RunState.RUNNING)
        first, second = journal.events()
        assert first.previous_hash == ""
        assert second.previous_hash == first.hash


def release(
    release_id: str,
    *,
    state: ReleaseState = ReleaseState.STAGED,
    slot: str = "",
    staged_at: float = 0.0,
    live_since: float = 0.0,
    accepted: bool = False,
) -> Release:
    return Release(
        release_id,
        f"v-{release_id}",
        "c0ffee",
        "cd",
        "cf",
        "0002",
        state,
        slot,
        staged_at,
        live_since,
        accepted,
    )

"""What every journal must hold to of runs: tokens, preemption, taking over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from adapters.contracts.journal_facts import (
    ANNA,
    BEN,
    MIGRATE,
    PLAN,
    STAGE,
    kinds,
    moved,
    opened,
    release,
)
from mobius.errors import Fenced, Locked, MobiusError, UsageError
from mobius.model.run import ENDED, Run, RunState
from mobius.model.sample import Sample
from mobius.ports import Journal, Note


class RunsContract:
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

"""What every journal must hold to whatever comes: secrets, failures, threads, the chain."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from adapters.contracts.journal_facts import (
    BEN,
    PLAN,
    STAGE,
    moved,
    opened,
)
from mobius.errors import MobiusError
from mobius.model.audit import head_in
from mobius.model.release import BackupRecord
from mobius.model.run import RunState
from mobius.model.sample import Sample
from mobius.ports import Journal, Note


class SafetyContract:
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
        for seq, head in enumerate(heads, start=1):
            assert journal.verify_chain(head) == (6, heads[-1])
            assert journal.verify_chain(f"{run.id}:{seq}:{head[:24]}") == (6, heads[-1])
        with pytest.raises(MobiusError) as error:
            journal.verify_chain("00ff")
        assert error.value.message == (
            "the audit log was cut off or replaced: none of its 6 events has the hash 00ff"
        )

    def test_the_head_is_the_newest_event_and_short(self, journal: Journal) -> None:
        assert journal.head() is None
        run = opened(journal)
        last = journal.say(run, "production", Note("tick", "1", topic="alert"), now=1.0)
        head = journal.head()
        assert head is not None
        assert (head.run_id, head.seq, head.hash) == (run.id, last.seq, last.hash)
        assert str(head) == f"{run.id}:{last.seq}:{last.hash[:24]}"
        assert head_in(journal.outbox()[-1].payload) == str(head)
        assert journal.verify_chain(str(head))[0] == last.seq

    def test_each_event_names_the_hash_of_the_one_before(self, journal: Journal) -> None:
        moved(journal, opened(journal), RunState.RUNNING)
        first, second = journal.events()
        assert first.previous_hash == ""
        assert second.previous_hash == first.hash

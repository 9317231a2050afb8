"""What every journal must hold to of samples, releases and backups."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.contracts.journal_facts import (
    opened,
    release,
)
from mobius.errors import MobiusError
from mobius.model.release import BackupRecord, ReleaseState
from mobius.model.sample import Sample
from mobius.ports import Journal


class ReleasesContract:
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

"""What a window knows and says: every look, all its samples, who was called, and whether the way back is warm."""

from __future__ import annotations

from mobius.errors import MobiusError
from mobius.flows.actions.action import known_releases, own_backup_name
from mobius.flows.before import tick_s, window_tests
from mobius.flows.record import Record
from mobius.flows.way_back import proven_now
from mobius.model.plan import FORWARD, WayBack
from mobius.model.release import Release
from mobius.model.sample import Sample
from mobius.model.verdict import Outcome, Verdict
from mobius.report.ways import choices_between
from mobius.rules.choosing import AFTER, keeps_warm, unasked
from mobius.rules.health import judge

TELL_EVERY_S = 60.0  # how often a quiet window says that it is still there


class Watch:
    """What the window knows: all its samples, and what it has already said.

    A journal that cannot be used blinds nobody: the samples are in memory, too.
    """

    def __init__(self, record: Record) -> None:
        self.record = record
        self.ports = record.ports
        journal, run_id = self.ports.journal, record.run.id
        self.samples: list[Sample] = list(record.read(lambda: journal.samples(run_id)))
        events = record.read(lambda: journal.events(run_id=run_id))
        self.paged = {event.data.get("outcome") for event in events if event.kind == "page"}
        self.signals = self.ports.signals(_watched(record))
        self.told_at = self.ports.clock.monotonic()
        self.way_back_failed = 0
        self.way_back_at = float("-inf")
        self.proven = proven_now(record)
        self.verdict: Verdict | None = None
        self.tests = window_tests(record)
        if self.tests is not None:
            self.tests.feed(self.samples)
        self._note_blind_gap()

    def look(self) -> Verdict:
        """One tick: measure, write down, judge."""
        now = self.looked_at = self.ports.clock.now()
        fresh = self.signals.sample(now)
        self.samples += fresh
        self.record.add_samples(fresh)
        run, settings = self.record.run, self.ports.settings
        found = self.tests.feed(fresh) if self.tests is not None else None
        if (
            found is None
            and not self.is_over()
            and not any(s.signal == "probe" for s in fresh)
            and self.verdict
        ):
            return self.verdict  # between two probes only the traffic can say anything new
        verdict = self.verdict = judge(
            self.samples,
            settings.policy,
            settings.monitor,
            opened_at=run.window_opened_at,
            now=now,
            deadline=run.window_deadline,
            found=found,
        )
        self._tell(verdict)
        self._look_at_the_way_back()
        return verdict

    def may_take_back(self) -> bool:
        """One automatic rollback, where there is a way back and nobody switched it off."""
        settings, plan = self.ports.settings, self.record.run.plan
        return settings.auto_rollback and bool(plan.previous_id) and self.way_back() is not None

    def way_back(self) -> WayBack | None:
        """The one that would be taken without asking."""
        return unasked(self.record.run.plan, AFTER, self.proven)

    def is_over(self) -> bool:
        """Whether the last look came after the absolute deadline. A look that began before it and took longer
        has judged an open window: only the next one can end it."""
        return self.looked_at >= self.record.run.window_deadline

    def pause_s(self) -> float:
        """Until the next tick, and not past the deadline."""
        every_s = tick_s(self.ports.settings)
        left = self.record.run.window_deadline - self.ports.clock.now()
        if left <= 0 and not self.is_over():
            return 0.0
        return min(every_s, left) if left > 0 else every_s

    def page_once(self, verdict: Verdict) -> None:
        """A bad verdict calls a person once in a window, a blind one too: not at every tick, and not again
        after a restart."""
        outcome = str(verdict.outcome)
        if outcome in self.paged:
            return
        self.paged.add(outcome)
        environment = self.record.run.environment
        choices = [*self._ways(), f"keep it: mobius accept -e {environment}"]
        told = {
            "outcome": outcome,
            "rule": verdict.rule,
            "sentence": verdict.sentence,
            "choices": choices,
        }
        self.record.say("page", verdict.sentence, told, topic="alert")

    def _ways(self) -> list[str]:
        """What a person may choose between; where code alone is the way, it is one command."""
        plan = self.record.run.plan
        if plan.kind in FORWARD and self.proven.ways and self.way_back() is None:
            return choices_between(plan, self.proven, own_backup_name(self.record))
        return [f"go back: mobius rollback -e {plan.environment}"]

    def _look_at_the_way_back(self) -> None:
        """The warm release is probed all along, so that going back needs no gate; its loss calls a person."""
        plan, monitor = self.record.run.plan, self.ports.settings.monitor
        if not plan.previous_slot or not keeps_warm(plan, self.way_back(), self.proven):
            return
        now, threshold = self.ports.clock.monotonic(), monitor.failure_threshold
        if now < self.way_back_at + monitor.interval_s - tick_s(self.ports.settings) / 2:
            return
        self.way_back_at = now
        try:
            url = self.ports.target.slot_url(plan.previous_slot)
        except MobiusError as problem:
            self.record.log(f"the way back cannot be seen: {problem.message}")
            return
        answered = bool(url) and self.ports.checks.health(url).outcome is Outcome.PASS
        self.way_back_failed = 0 if answered else self.way_back_failed + 1
        if self.way_back_failed == threshold and "way back" not in self.paged:
            self.paged.add("way back")
            words = f"the way back is not warm: {plan.previous_id} failed {threshold} checks in {plan.previous_slot}"
            told = {
                "sentence": words,
                "rule": "way back",
                "choices": [f"mobius status -e {plan.environment}"],
            }
            self.record.say("page", words, told, topic="alert")

    def _tell(self, verdict: Verdict) -> None:
        now = self.ports.clock.monotonic()
        if verdict.outcome is Outcome.INCONCLUSIVE and now - self.told_at >= TELL_EVERY_S:
            self.told_at = now
            left_s = round(self.record.run.window_deadline - self.ports.clock.now())
            self.record.say("so far", verdict.sentence, {"sentence": verdict.sentence, "left_s": left_s})

    def _note_blind_gap(self) -> None:
        """After a restart: the time nobody looked is written down, and never counts as health."""
        if not self.samples:
            return
        gap_s = self.ports.clock.now() - self.samples[-1].at
        if gap_s > 2 * self.ports.settings.monitor.interval_s:
            self.record.say("blind", f"nobody looked for {gap_s:.0f} s", {"seconds": round(gap_s, 1)})


def _watched(record: Record) -> Release:
    plan = record.run.plan
    for release in known_releases(record):
        if release.id == plan.release_id:
            return release
    return Release(plan.release_id, plan.tag, "", "", "", slot=plan.slot)

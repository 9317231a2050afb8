"""The watch: samples, a verdict every tick, one rollback when it says so. Killed, it carries on."""

from __future__ import annotations

from mobius.errors import Fenced, Locked, MobiusError
from mobius.flows.actions.action import known_releases, own_backup_name
from mobius.flows.before import tick_s, what_is_known, window_tests
from mobius.flows.perform import perform
from mobius.flows.record import Record
from mobius.flows.take_back import stop_for_a_person, take_back
from mobius.flows.turn import turn
from mobius.flows.way_back import proven_now
from mobius.model.plan import FORWARD, WayBack
from mobius.model.release import Release, ReleaseState
from mobius.model.run import Run, RunState
from mobius.model.sample import Sample
from mobius.model.verdict import Outcome, Verdict
from mobius.ports import Ports
from mobius.report.ways import choices_between
from mobius.rules.choosing import AFTER, keeps_warm, unasked
from mobius.rules.health import judge

TELL_EVERY_S = 60.0  # how often a quiet window says that it is still there


def open_window(record: Record) -> None:
    """From now on the run only observes: a newer act may take over, and a verdict may take it back."""
    plan, now = record.run.plan, record.ports.clock.now()
    deadline = now + float(plan.facts["window_s"])
    told = {"deadline": deadline, "policy": plan.facts["policy"], "interval_s": plan.facts["interval_s"]}
    note = plan.facts.get("policy_note")
    words = f"watching {plan.release_id} by {plan.facts['policy']}" + (f" ({note})" if note else "")
    words += f"; {known}" if (known := what_is_known(record)) else ""
    record.move(
        RunState.OBSERVING,
        "window opened",
        words,
        topic="succeeded" if plan.kind in FORWARD else "",
        data=told,
        window_opened_at=now,
        window_deadline=deadline,
    )


def watch_from_now(run: Run, ports: Ports) -> Run:
    """A run that only watches: its window opens at once."""
    record = Record(run, ports)
    open_window(record)
    return monitor(record.run, ports)


def monitor(run: Run, ports: Ports) -> Run:
    """Judges the window until it ends, is taken over, or says no. Returns the run as it then stands."""
    try:
        record = Record(run, ports)
        watch = Watch(record.on_the_way_back())
        while True:
            ended = settle(watch.look(), watch, record)
            if ended is not None:
                return ended
            ports.clock.wait(watch.pause_s())
    except Fenced:
        return ports.journal.run(run.id)


def settle(verdict: Verdict, watch: Watch, record: Record) -> Run | None:
    """Does what the verdict asks for: the run as it ended, or None to look again.

    Where another holds the environment, or the end cannot be written down, the next tick tries again.
    """
    try:
        match verdict.outcome:
            case Outcome.FAIL if watch.may_take_back() and (way := watch.way_back()) is not None:
                return roll_back(record, verdict, way)
            case Outcome.FAIL | Outcome.ERROR:
                watch.page_once(verdict)
            case Outcome.PASS:
                return accept(record, "the window")
        return end_without_verdict(record, verdict) if watch.is_over() else None
    except Fenced:
        raise
    except MobiusError as problem:
        record.log(f"the window cannot end yet: {problem.message}")
        return None


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


def roll_back(record: Record, verdict: Verdict, way: WayBack) -> Run:
    """The verdict was no: takes the lock, unless a newer run has taken over, and walks back."""
    with turn(record.ports):
        told = {"outcome": str(verdict.outcome), "rule": verdict.rule, "sentence": verdict.sentence}
        back = record.on_the_way_back()
        back.say("verdict", verdict.sentence, told)
        return take_back(back, way, because=verdict.sentence)


def accept(record: Record, by: str) -> Run:
    """The window ended well, or a person said so: the old release stops, the new one is on its own."""
    ports, plan = record.ports, record.run.plan
    with turn(ports):
        try:
            perform(plan.acceptance, record)
        except Locked:
            raise
        except MobiusError as problem:
            return stop_for_a_person(record, problem)
        record.write(
            lambda _: ports.journal.set_release_state(
                record.run.environment, plan.release_id, ReleaseState.LIVE, accepted=True
            )
        )
        words, told = f"{plan.release_id} is accepted by {by}", {"by": by, "exit_code": 0}
        if record.run.ended:  # inconclusive, and a person said yes later: how it ended stays what it was
            record.say("accepted", words, told, topic="succeeded")
            return record.run
        return record.move(
            RunState.ACCEPTED,
            "accepted",
            words,
            topic="succeeded",
            data=told,
            exit_code=0,
            sentence=f"accepted by {by}",
        )


def end_without_verdict(record: Record, verdict: Verdict) -> Run:
    """Too little was measured, or the answer was no where nobody may act on it: a person is called, the way back
    stays warm, and nothing is accepted by itself."""
    environment, code = record.run.environment, 3 if verdict.outcome is Outcome.FAIL else 4
    choices = [f"keep it: mobius accept -e {environment}", f"go back: mobius rollback -e {environment}"]
    return record.move(
        RunState.INCONCLUSIVE,
        "page",
        verdict.sentence,
        topic="alert",
        data={"sentence": verdict.sentence, "choices": choices, "exit_code": code},
        exit_code=code,
        sentence=verdict.sentence,
    )


def _watched(record: Record) -> Release:
    plan = record.run.plan
    for release in known_releases(record):
        if release.id == plan.release_id:
            return release
    return Release(plan.release_id, plan.tag, "", "", "", slot=plan.slot)

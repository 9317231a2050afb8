"""What a window knows and says: every look, all its samples, who was called, and whether the way back is warm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mobius.errors import MobiusError
from mobius.flows.actions.action import known_releases, own_backup_name
from mobius.flows.bad_hosts import outs_of
from mobius.flows.before import tick_s
from mobius.flows.heard import Heard
from mobius.flows.look_on import judging_of
from mobius.flows.record import Record
from mobius.flows.report_issue import ISSUE
from mobius.flows.warm import WARM, Warm
from mobius.flows.way_back import proven_now
from mobius.model.plan import FORWARD, WayBack
from mobius.model.release import Release
from mobius.model.run import Event
from mobius.model.sample import Sample
from mobius.model.status import DisarmNow
from mobius.model.verdict import Finding, Outcome, Verdict
from mobius.report.freezing import disarm_words
from mobius.report.watching_json import tick_json
from mobius.report.watching_text import look_line
from mobius.report.ways import choices_between
from mobius.report.words import clock, duration
from mobius.rules.choosing import AFTER, unasked
from mobius.rules.disarming import Span, at_the_end
from mobius.rules.hosts.judging import HostJudging
from mobius.rules.hosts.packed import packed, unpacked
from mobius.rules.shadow import WOULD
from mobius.rules.ticking import Tally

DOWN = "failed_checks"  # the rule that says that it does not answer any more
LEAST_PAUSE = 0.2  # of a tick, however long the look took
LEAST_GAP_S = (
    2.0  # a busy machine is as late as that now and then, which is no gap, however short the interval
)
TELL_EVERY_S = 60.0  # how often a quiet window says that it is still there


@dataclass(frozen=True, slots=True)
class NotActedOn:
    """The first no of a window that nothing was done about: when it was found, by which rule, and why not.
    `answered`: its health checks were still good when a person was last called."""

    at: float
    rule: str
    sentence: str
    why: str
    answered: bool = False


class Watch:
    """What the window knows: all its samples, those of single hosts packed, and what it has already said.

    A journal that cannot be used blinds nobody: the samples are in memory, too.
    """

    def __init__(self, record: Record) -> None:
        self.record = record
        self.ports = record.ports
        journal, run = self.ports.journal, record.run
        self.samples: list[Sample] = list(record.read(lambda: journal.samples(run.id)))
        self._remember(record.read(lambda: journal.events(run_id=run.id, kinds=("page", WOULD))))
        self.signals = self.ports.signals(_watched(record))
        self.told_at = self._last_look_at = self.ports.clock.monotonic()
        self.proven = proven_now(record)
        self.warm = Warm(record)
        self.verdict: Verdict | None = None
        self.heard = Heard(record, self.samples)
        settings, now = self.ports.settings, self.ports.clock.now()
        self._note_blind_gap(now)
        self._take(self.heard.listen(now))
        self.judging = judging_of(record)
        self.tally = Tally(settings.policy, settings.monitor, run.window_opened_at, run.window_deadline)
        self._feed(self.samples, now)

    def look(self) -> Verdict:
        """One tick: measure, write down, judge."""
        self._note_suspension()
        now = self.looked_at = self.ports.clock.now()
        fresh = (*self.signals.sample(now), *self.heard.listen(now))
        fresh = packed(fresh, self.ports.redact) if isinstance(self.judging, HostJudging) else fresh
        self._take(fresh)
        found = self._feed(fresh, now)
        is_news = found or self.is_over() or any(s.signal in ("probe", ISSUE) for s in fresh)
        if self.verdict is not None and not is_news:
            self._write_down(self.verdict, now)
            return self.verdict  # between two probes only the traffic can say anything new
        spans = self.heard.spans(now)
        self._hear_of_hosts(spans)
        verdict = self.verdict = self.judging.verdict(self.samples, now, spans)
        if (disarm := self.heard.disarm(now)) is not None:
            self._page_disarmed(self.judging.if_it_were_armed(self.samples, now, spans), disarm)
        self._write_down(verdict, now)
        self._tell(verdict)
        if self.warm.is_lost_now(self.way_back(), self.proven) and WARM not in self.paged:
            self.warm.call()
            self.paged.add(WARM)
        return verdict

    def bad_hosts(self) -> Mapping[str, str]:
        """The hosts that are bad by themselves as of the last look, with the reasons; none where nothing is done by
        itself: then the first look that finds one calls a person."""
        found = self.judging.taking_out if isinstance(self.judging, HostJudging) else {}
        if not found or not (why := self._why_nothing()):
            return found
        key = f"host {', '.join(sorted(found))}"
        if key not in self.paged:
            self.paged.add(key)
            words = "; ".join(f"{host} is bad by itself: {reason}" for host, reason in found.items())
            told = {"rule": key, "sentence": words, "why_not": why, "choices": self.ways()}
            self.record.say("page", f"{words}; nothing is done by itself: {why}", told, topic="alert")
        return {}

    def why_not(self) -> str:
        """Why a no is not acted on: one automatic rollback, where there is a way back and nobody switched it off.
        "" where it is."""
        plan = self.record.run.plan
        if why := self._why_nothing():
            return why
        if not plan.previous_id:
            return "there is nothing before it that it could go back to"
        return "" if self.way_back() is not None else "no way back may be taken without asking"

    def _why_nothing(self) -> str:
        settings, now = self.ports.settings, self.ports.clock.now()
        if settings.monitor.shadow:
            return "this window is a shadow"
        if (disarm := self.heard.disarm(now)) is not None:
            return f"disarmed {disarm_words(disarm, now)}"
        return "" if settings.auto_rollback else "auto_rollback is off"

    def last_word(self, verdict: Verdict) -> Verdict:
        """What the window ends with: a no that nothing was done about stands, and what was not judged is said."""
        run, now, kept = self.record.run, self.ports.clock.now(), self.not_acted_on
        if kept is not None and verdict.outcome is not Outcome.ERROR:
            told = f"{kept.sentence} (found {clock(kept.at, now)}; nothing was done by itself: {kept.why})"
            verdict = Verdict(Outcome.FAIL, told, kept.rule, verdict.findings)
        return at_the_end(verdict, self.heard.away(now), run.window_deadline - run.window_opened_at)

    def way_back(self) -> WayBack | None:
        """The one that would be taken without asking."""
        return unasked(self.record.run.plan, AFTER, self.proven)

    def is_over(self) -> bool:
        """Whether the last look came after the absolute deadline. A look that began before it and took longer
        has judged an open window: only the next one can end it."""
        return self.looked_at >= self.record.run.window_deadline

    def pause_s(self) -> float:
        """Until the next tick, and not past the deadline. A look that took long shortens it: on a busy machine there
        would be too few of them."""
        took_s = self.ports.clock.monotonic() - self._last_look_at
        every_s = tick_s(self.ports.settings)
        pause_s = max(every_s - took_s, LEAST_PAUSE * every_s)
        left = self.record.run.window_deadline - self.ports.clock.now()
        if left <= 0 and not self.is_over():
            return 0.0
        return min(pause_s, left) if left > 0 else pause_s

    def call_once(self, verdict: Verdict) -> None:
        """A bad verdict calls a person once in a window, and again where it gets worse: it still answered its checks
        then, and now it does not. A blind one calls once. Not at every tick, and not again after a restart. A shadow
        only writes it down."""
        told: dict[str, Any] = {"outcome": str(verdict.outcome), "rule": verdict.rule}
        told["sentence"], why = verdict.sentence, ""
        if verdict.outcome is Outcome.FAIL:
            down = next((one for one in verdict.findings if one.check == DOWN), None)
            if self.not_acted_on is not None and (down is None or not self.not_acted_on.answered):
                return
            if self.not_acted_on is not None and down is not None:
                told |= {"rule": DOWN, "sentence": f"it got worse: {down.message}"}
            why = self.why_not()
            told |= {"why_not": why, "answered": self._answers()}
        elif str(verdict.outcome) in self.paged:
            return
        if why and self.ports.settings.monitor.shadow:
            self.record.say("would roll back", f"would be taken back now: {told['sentence']}", told)
        else:
            told["choices"] = [*self.ways(), f"keep it: mobius accept -e {self.record.run.environment}"]
            words = f"{told['sentence']}; nothing is done by itself: {why}" if why else told["sentence"]
            self.record.say("page", words, told, topic="alert")
        self._note(told, self.ports.clock.now())

    def ways(self) -> list[str]:
        """What a person may choose between; where code alone is the way, it is one command."""
        plan = self.record.run.plan
        if plan.kind in FORWARD and self.proven.ways and self.way_back() is None:
            return choices_between(plan, self.proven, own_backup_name(self.record))
        return [f"go back: mobius rollback -e {plan.environment}"]

    def _tell(self, verdict: Verdict) -> None:
        now = self.ports.clock.monotonic()
        if verdict.outcome is Outcome.INCONCLUSIVE and now - self.told_at >= TELL_EVERY_S:
            self.told_at = now
            left_s = round(self.record.run.window_deadline - self.ports.clock.now())
            sentence = self._sentence(verdict)
            self.record.say("so far", sentence, {"sentence": sentence, "left_s": left_s})

    def _sentence(self, verdict: Verdict) -> str:
        now = self.ports.clock.now()
        disarm = self.heard.disarm(now)
        return f"DISARMED {disarm_words(disarm, now)}; {verdict.sentence}" if disarm else verdict.sentence

    def _page_disarmed(self, verdict: Verdict, disarm: DisarmNow) -> None:
        """What would have been acted on calls a person, once, and says why nothing is done."""
        key = f"disarmed {disarm.since:.3f}"
        if verdict.outcome is not Outcome.FAIL or key in self.paged:
            return
        now = self.ports.clock.now()
        words = f"{verdict.sentence}; nothing is done: disarmed {disarm_words(disarm, now)}"
        told = {"outcome": "FAIL", "rule": verdict.rule, "sentence": verdict.sentence, "disarmed": key}
        environment = self.record.run.environment
        choices = [*self.ways(), f"let it act again: mobius monitor arm -e {environment}"]
        self.record.say("page", words, {**told, "choices": choices}, topic="alert")
        self._note(told, now)

    # What is remembered, also of a runner that was killed

    def _remember(self, events: Sequence[Event]) -> None:
        self.paged: set[str] = set()
        self.not_acted_on: NotActedOn | None = None
        for event in events:
            self._note(event.data, event.at)

    def _note(self, told: Mapping[str, Any], at: float) -> None:
        if told.get("disarmed"):
            self.paged.add(str(told["disarmed"]))
        elif told.get("outcome") == "FAIL":
            answered = bool(told.get("answered"))
            if (kept := self.not_acted_on) is not None:
                self.not_acted_on = replace(kept, answered=kept.answered and answered)
                return
            rule, sentence = str(told.get("rule") or ""), str(told.get("sentence") or "")
            why = str(told.get("why_not") or "a person was called")
            self.not_acted_on = NotActedOn(at, rule, sentence, why, answered)
        else:
            self.paged.add(str(told.get("outcome") or told.get("rule") or ""))

    def _answers(self) -> bool:
        """Whether the last health check was answered well."""
        return next((bool(s.ok) for s in reversed(self.samples) if s.signal == "probe"), False)

    def _take(self, fresh: tuple[Sample, ...]) -> None:
        if fresh:
            self.samples += fresh
            self.record.add_samples(fresh)

    def _feed(self, fresh: Sequence[Sample], now: float) -> Finding | None:
        self.tally.add(unpacked(fresh) if isinstance(self.judging, HostJudging) else fresh)
        is_disarmed = self.heard.disarm(now) is not None
        return self.judging.feed(fresh, self.heard.spans(now), is_disarmed=is_disarmed)

    def _hear_of_hosts(self, spans: Sequence[Span]) -> None:
        if not isinstance(judging := self.judging, HostJudging):
            return
        try:
            judging.hear(outs_of(self.record), self.ports.target.left_out(), spans)
        except MobiusError as problem:
            self.record.log(f"which hosts are out is not known: {problem.message}")

    def _write_down(self, verdict: Verdict, now: float) -> None:
        """For `monitor_logs/`, which stops nothing where it cannot be written."""
        run, judging = self.record.run, self.judging
        tick = self.tally.tick(
            now, verdict, judging.evidence(), self.heard.disarm(now), judging.forgiven_s(now)
        )
        self.ports.monitor_log(run.window_opened_at, look_line(tick), tick_json(tick, run))

    def _note_blind_gap(self, now: float) -> None:
        """After a restart: the time nobody looked is written down, and never counts as health."""
        if self.samples:
            self._say_blind(now - self.samples[-1].at)

    def _note_suspension(self) -> None:
        """A runner that was stopped, or a machine that slept, has not looked either."""
        now = self.ports.clock.monotonic()
        gap_s, self._last_look_at = now - self._last_look_at, now
        self._say_blind(gap_s - tick_s(self.ports.settings))

    def _say_blind(self, gap_s: float) -> None:
        if gap_s > max(2 * self.ports.settings.monitor.interval_s, LEAST_GAP_S):
            self.record.say("blind", f"nobody looked for {duration(gap_s)}", {"seconds": round(gap_s, 1)})


def _watched(record: Record) -> Release:
    plan = record.run.plan
    for release in known_releases(record):
        if release.id == plan.release_id:
            return release
    return Release(plan.release_id, plan.tag, "", "", "", slot=plan.slot)

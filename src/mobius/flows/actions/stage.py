"""One stage of a canary as it is watched: what both releases answer, and whether that is enough. Killed, it carries on
with all that was seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf
from typing import Any, NoReturn

from mobius.errors import MobiusError
from mobius.flows.actions.action import known_releases
from mobius.flows.before import canary_tests, tick_s
from mobius.flows.heard import Heard
from mobius.flows.record import Record
from mobius.model.plan import Step
from mobius.model.release import Release
from mobius.model.run import Run
from mobius.model.sample import Sample
from mobius.model.status import DisarmNow
from mobius.model.verdict import Outcome, Verdict
from mobius.ports import Ports
from mobius.report.freezing import disarm_words
from mobius.report.watching_json import tick_json
from mobius.report.watching_text import look_line
from mobius.report.words import duration
from mobius.rules.adaptive.stage import WHOLE, Enough
from mobius.rules.canary import Sides, is_over, longest_s
from mobius.rules.disarming import closed_up, moved_up
from mobius.rules.judging import Judging
from mobius.rules.ticking import Tally

TELL_EVERY_S = 20.0


class StageFailed(MobiusError):
    """The new release is worse than the one before it: it is taken back."""

    exit_code = 12


class StageUndecided(MobiusError):
    """Nobody can tell whether it is: the release before gets all requests again."""

    exit_code = 4


class Stage:
    """The step `see_stage` while it goes on. What a journal cannot be told now is in memory, too."""

    def __init__(self, step: Step, record: Record) -> None:
        self.step, self.ports = step, record.ports
        self.record = record.on_the_way_back()
        run, settings = record.run, record.ports.settings
        journal = self.ports.journal
        self.opened_at, self.since = _times(step, record)
        self.samples: list[Sample] = list(self.record.read(lambda: journal.samples(run.id)))
        self.tests = canary_tests(record, self.opened_at)
        self.heard = Heard(self.record, self.samples)
        until = self.opened_at + longest_s(run.plan)
        self.judging = Judging(
            settings.policy, settings.monitor, self.opened_at, until, self.tests, settings.signals
        )
        self.tally = Tally(settings.policy, settings.monitor, self.opened_at, until)
        self.new, self.old = _both(record)
        self.signals = self.ports.signals_beside(self.new, self.old)
        self.told_at = self.ports.clock.monotonic()
        self.enough: Enough | None = None
        self.now = self.ports.clock.now()
        self._take(self.heard.listen(self.now))
        self._feed(self.samples)
        self._open()

    def look(self) -> bool:
        """One tick: measure, write down, judge. Whether the stage is passed. Raises `StageFailed` or
        `StageUndecided`."""
        now = self.now = self.ports.clock.now()
        fresh = (*self.signals.sample(now), *self.heard.listen(now))
        self._take(fresh)
        self._feed(fresh)
        spans, disarm = self.heard.spans(now), self.heard.disarm(now)
        verdict = self.judging.verdict(self.samples, now, spans)
        self._write_down(verdict, disarm)
        if verdict.outcome is Outcome.FAIL and disarm is None:
            self._fail(verdict)
        params, armed, since = self.step.params, closed_up(self.samples, spans), moved_up(self.since, spans)
        enough = self.enough = self.tests.seen_enough(armed, since, float(params["next_percent"]))
        seen_s = now - self.since
        # What is over a limit waits for the rule that needs its time to speak, or ends undecided.
        over = is_over(Sides.of(armed, since).new, self.ports.settings.policy)
        if enough.is_enough and seen_s >= params["min_s"] and disarm is None and not over:
            return True
        if disarm is not None and seen_s >= params["max_s"]:
            self._give_up(f"disarmed {disarm_words(disarm, now)}", "")
        if verdict.outcome is Outcome.ERROR:
            self._give_up(verdict.sentence, "see why nothing can be measured: mobius doctor")
        if seen_s >= params["max_s"] and enough.at_last and not over:
            self.enough = replace(enough, is_enough=True, sentence=enough.at_last)
            return True
        if seen_s >= params["max_s"]:
            self._give_up(enough.sentence, enough.advice)
        self._tell()
        return False

    def pause_s(self) -> float:
        """Until the next tick, and not past the end of the stage."""
        params, seen_s = self.step.params, self.ports.clock.now() - self.since
        left = [float(params[name]) - seen_s for name in ("min_s", "max_s")]
        return min([tick_s(self.ports.settings, staged=True), *(one for one in left if one > 0)])

    def result(self) -> dict[str, Any]:
        """What was seen, to be remembered; and told in one line."""
        assert self.enough is not None
        sides = self._sides()
        took = duration(self.now - self.since)
        told = {
            "percent": self.step.params["percent"],
            "seconds": round(self.now - self.since, 1),
            "sentence": self.enough.sentence,
            **sides.figures(),
        }
        words = f"{self._share()}: {sides.errors(*self._tags())}"
        self.record.say("stage", f"{words}; passed after {took}: {_what(self.enough)}", told)
        return told

    def _take(self, fresh: tuple[Sample, ...]) -> None:
        if fresh:
            self.samples += fresh
            self.record.add_samples(fresh)

    def _write_down(self, verdict: Verdict, disarm: DisarmNow | None) -> None:
        """For `monitor_logs/`, one file for all stages of a canary."""
        evidence, forgiven_s = self.judging.evidence(), self.judging.forgiven_s(self.now)
        left_s = max(0.0, self.since + self.step.params["max_s"] - self.now)
        tick = replace(self.tally.tick(self.now, verdict, evidence, disarm, forgiven_s), left_s=left_s)
        said = f"canary {self._share()}: {look_line(tick)}"
        self.ports.monitor_log(self.opened_at, said, {**tick_json(tick, self.record.run), **self._percent()})

    def _percent(self) -> dict[str, Any]:
        return {"percent": self.step.params["percent"]}

    def _feed(self, fresh: Sequence[Sample]) -> None:
        self.tally.add(fresh)
        is_disarmed = self.heard.disarm(self.now) is not None
        self.judging.feed(fresh, self.heard.spans(self.now), is_disarmed=is_disarmed)

    def _fail(self, verdict: Verdict) -> NoReturn:
        sides = self._sides()
        sentence = f"{verdict.sentence}; in the stage of {self._share()}: {sides.errors(*self._tags())}"
        told = {
            "outcome": str(verdict.outcome),
            "rule": verdict.rule,
            "sentence": sentence,
            **sides.figures(),
        }
        self.record.say("verdict", sentence, told)
        raise StageFailed(sentence, f"mobius report -e {self.record.run.environment} {self.record.run.id}")

    def _give_up(self, why: str, advice: str) -> NoReturn:
        """A person is called: the deployment is over, and nobody was found guilty."""
        sides, run = self._sides(), self.record.run
        lasted = duration(self.now - self.since)
        sentence = f"the stage of {self._share()} was not decided after {lasted}: {why}"
        told = {
            "outcome": str(Outcome.INCONCLUSIVE),
            "rule": "canary",
            "sentence": sentence,
            **sides.figures(),
        }
        self.record.say("verdict", sentence, told)
        again = f"mobius deploy -e {run.environment} --tag {run.plan.tag}"
        choices = [
            f"try again with {advice}" if advice else f"try again: {again}",
            f"all at once: {again} --no-canary",
        ]
        self.record.say("page", sentence, {**told, "choices": choices}, topic="alert")
        raise StageUndecided(sentence, "; ".join(choices))

    def _open(self) -> None:
        """Whoever looks on learns until when."""
        percent, run = self.step.params["percent"], self.record.run
        events = self.record.read(lambda: self.ports.journal.events(run_id=run.id))
        if any(event.kind == "stage opened" and event.data.get("percent") == percent for event in events):
            return
        deadline = self.since + self.step.params["max_s"]
        told = {"percent": percent, "deadline": deadline, "new": self.new.tag, "old": self.old.tag}
        of = "" if run.plan.facts.get("stage_hosts") else " of the requests"
        words = f"{self._share()}{of} go to {self.new.tag}, the others to {self.old.tag}"
        words = f"requests of {words}" if not of else words
        self.record.say("stage opened", words, told)

    def _tell(self) -> None:
        now = self.ports.clock.monotonic()
        if now - self.told_at >= TELL_EVERY_S and self.enough is not None:
            self.told_at = now
            sentence = f"canary {self._share()}: {self._sides().words(*self._tags())}; {_what(self.enough)}"
            left_s = round(self.since + self.step.params["max_s"] - self.now)
            evidence, threshold = self.tests.evidence().get(WHOLE, (0.0, 0.0))
            told = {
                "sentence": sentence,
                "left_s": left_s,
                "missing": _missing(self.enough, self.now - self.since),
            }
            figures = {
                "evidence": round(evidence, 1),
                "threshold": round(threshold, 1),
                **self._sides().figures(),
            }
            self.record.say("so far", sentence, {**told, **figures})

    def _sides(self) -> Sides:
        return Sides.of(self.samples, self.since)

    def _share(self) -> str:
        return _share(self.record.run, self.step)

    def _tags(self) -> tuple[str, str]:
        return self.new.tag, self.old.tag


def canary_words(run: Run, ports: Ports) -> str:
    """ "canary 10 %: 3,412 requests on v2, 31,002 on v1", of the stage that goes on; "" between two."""
    record = Record(run, ports)
    known, rollout = record.steps(), run.plan.rollout
    step = next(
        (s for s in rollout if s.action == "see_stage" and s.id in known and not known[s.id].is_done), None
    )
    if step is None:
        return ""
    new, old = _both(record)
    _, since = _times(step, record)
    sides = Sides.of(ports.journal.samples(run.id, since=since), since)
    return f"canary {_share(run, step)}: {sides.words(new.tag, old.tag)}"


def _share(run: Run, step: Step) -> str:
    """ "10 %", or "web1" where a host gets the new release first."""
    return ", ".join(run.plan.facts.get("stage_hosts") or ()) or f"{step.params['percent']} %"


def _missing(enough: Enough, seen_s: float) -> str:
    """How much longer it takes, as far as anybody can say."""
    if enough.is_enough or enough.needed_s == inf:
        return ""
    return f"enough in {duration(max(1, round(enough.needed_s - seen_s)))}"


def _what(enough: Enough) -> str:
    """Its sentence without the count of requests at its beginning, which is told of both sides."""
    return enough.sentence.partition(": ")[2] or enough.sentence


def _times(step: Step, record: Record) -> tuple[float, float]:
    """When the first requests went to the new release, and when this stage began: as it was written down."""
    known, rollout = record.steps(), record.run.plan.rollout
    splits = [one for one in rollout[: rollout.index(step)] if one.action == "split"]
    return known[splits[0].id].done_at, known[splits[-1].id].done_at


def _both(record: Record) -> tuple[Release, Release]:
    """Each in its slot: the journal does not know that of the new one before it is live."""
    plan = record.run.plan
    known = {release.id: release for release in known_releases(record)}
    new = known.get(plan.release_id) or Release(plan.release_id, plan.tag, "", "", "")
    previous_tag = str(plan.facts.get("previous_tag") or plan.previous_id)
    old = known.get(plan.previous_id) or Release(plan.previous_id, previous_tag, "", "", "")
    return replace(new, slot=plan.slot), replace(old, slot=plan.previous_slot)

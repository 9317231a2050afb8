"""The watch: samples, a verdict every tick, one rollback when it says so. Killed, it carries on."""

from __future__ import annotations

from collections.abc import Sequence

from mobius.errors import Fenced, Locked, MobiusError
from mobius.flows.bad_hosts import take_out
from mobius.flows.before import what_is_known
from mobius.flows.perform import perform
from mobius.flows.record import Record
from mobius.flows.take_back import stop_for_a_person, take_back
from mobius.flows.turn import turn
from mobius.flows.watch import Watch
from mobius.model.plan import FORWARD, WayBack
from mobius.model.release import ReleaseState
from mobius.model.run import Run, RunState
from mobius.model.verdict import Outcome, Verdict
from mobius.ports import Ports
from mobius.rules.quality.window import checks_of_window


def open_window(record: Record) -> None:
    """From now on the run only observes: a newer act may take over, and a verdict may take it back."""
    plan, now = record.run.plan, record.ports.clock.now()
    deadline = now + float(plan.facts["window_s"])
    told = {"deadline": deadline, "policy": plan.facts["policy"], "interval_s": plan.facts["interval_s"]}
    note = plan.facts.get("policy_note")
    words = f"watching {plan.release_id} by {plan.facts['policy']}" + (f" ({note})" if note else "")
    words += f"; {known}" if (known := what_is_known(record)) else ""
    words += "; a shadow: it judges and never acts" if record.ports.settings.monitor.shadow else ""
    told["shadow"] = record.ports.settings.monitor.shadow
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
                _report(ended, watch)
                return ended
            ports.clock.wait(watch.pause_s())
    except Fenced:
        return ports.journal.run(run.id)


def _report(run: Run, watch: Watch) -> None:
    """What the gates of the window said, for `logs/quality`."""
    verdict = watch.verdict
    outcome = verdict.outcome if verdict and not verdict.passed else Outcome.PASS
    if run.state is not RunState.ACCEPTED and outcome is Outcome.PASS:
        outcome = Outcome.INCONCLUSIVE
    results = checks_of_window(watch.samples, outcome, run.sentence)
    watch.ports.quality_report(
        f"watch of {run.plan.release_id} in {run.environment}", results, watch.ports.clock.now()
    )


def settle(verdict: Verdict, watch: Watch, record: Record) -> Run | None:
    """Does what the verdict asks for: the run as it ended, or None to look again.

    Where another holds the environment, or the end cannot be written down, the next tick tries again.
    """
    try:
        if bad := watch.bad_hosts():
            take_out(record.on_the_way_back(), bad)
            return None
        match verdict.outcome:
            case Outcome.FAIL if not watch.why_not() and (way := watch.way_back()) is not None:
                return roll_back(record, verdict, way)
            case Outcome.FAIL | Outcome.ERROR:
                watch.call_once(verdict)
            case _:
                pass
        if not watch.is_over():
            return None
        last = watch.last_word(verdict)
        return (
            accept(record, "the window", last)
            if last.passed
            else end_without_verdict(record, last, watch.ways())
        )
    except Fenced:
        raise
    except MobiusError as problem:
        record.log(f"the window cannot end yet: {problem.message}")
        return None


def roll_back(record: Record, verdict: Verdict, way: WayBack) -> Run:
    """The verdict was no: takes the lock, unless a newer run has taken over, and walks back."""
    with turn(record.ports):
        told = {"outcome": str(verdict.outcome), "rule": verdict.rule, "sentence": verdict.sentence}
        back = record.on_the_way_back()
        back.say("verdict", verdict.sentence, told)
        return take_back(back, way, because=verdict.sentence)


def accept(record: Record, by: str, verdict: Verdict | None = None) -> Run:
    """The window ended well with this verdict, or a person said so: the old release stops, the new one is on its
    own."""
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
        because = f": {verdict.sentence}" if verdict else ""
        words, told = f"{plan.release_id} is accepted by {by}{because}", {"by": by, "exit_code": 0}
        told |= {"sentence": verdict.sentence} if verdict else {}
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
            sentence=f"accepted by {by}{because}",
        )


def end_without_verdict(record: Record, verdict: Verdict, ways: Sequence[str]) -> Run:
    """Too little was measured, or the answer was no where nobody may act on it: a person is called with the
    `ways` back, the release before is left as it is, and nothing is accepted by itself."""
    environment, code = record.run.environment, 3 if verdict.outcome is Outcome.FAIL else 4
    choices = [f"keep it: mobius accept -e {environment}", *ways]
    told = {
        "sentence": verdict.sentence,
        "choices": choices,
        "exit_code": code,
        "verdict": str(verdict.outcome),
    }
    return record.move(
        RunState.INCONCLUSIVE,
        "page",
        verdict.sentence,
        topic="alert",
        data=told,
        exit_code=code,
        sentence=verdict.sentence,
    )

"""The judgement of the window: samples and a policy in, a verdict with its one sentence out.

Thresholds of the framework summary are `conservative`, those of the operations guide `strict`; both are data
(`mobius.model.policies`), and every rule below reads its limits from there. Rules compose by OR. Doubt is a
value: what was not measured is never health, and never a failure by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from mobius.model.policies import PolicySettings
from mobius.model.sample import Sample
from mobius.model.settings import MonitorSettings, SignalSettings
from mobius.model.verdict import Finding, Outcome, Severity, Verdict
from mobius.rules.health.coverage import blindness, doubt_at_the_end
from mobius.rules.health.facts import Facts, Watch
from mobius.rules.health.limits import RULES
from mobius.rules.health.words import minutes, summary


def judge(
    samples: Sequence[Sample],
    policy: PolicySettings,
    monitor: MonitorSettings,
    *,
    opened_at: float,
    now: float,
    deadline: float,
    found: Finding | None = None,
    signals: Sequence[SignalSettings] = (),
    remark: str = "",
    doubt: str = "",
) -> Verdict:
    """What the samples of the window (oldest first) say at `now`, all times in unix seconds.

    `found`: what was found against the release by other means; `signals`: the gauges with limits of their own;
    `remark`: what is told beside it, and changes nothing; `doubt`: why it could not end in a pass now.
    FAIL names the first rule that fired in `rule`, and has every one that did in `findings`. Without one:
    before the deadline ERROR when nothing could be measured for long, else INCONCLUSIVE with an empty `rule`,
    which is "so far"; at the deadline PASS if enough was measured, else INCONCLUSIVE with the reason.
    """
    watch = Watch(policy, monitor, opened_at, now, deadline, tuple(signals))
    facts = Facts.of(samples, watch)
    broken = (*_broken_limits(facts, watch), *([found] if found else ()))
    if broken:
        return Verdict(Outcome.FAIL, broken[0].message, broken[0].check, broken)
    return _at_the_end(facts, watch, remark, doubt) if now >= deadline else _so_far(facts, watch, remark)


def _broken_limits(facts: Facts, watch: Watch) -> tuple[Finding, ...]:
    """One finding for every rule that fired, in the order the rules are listed."""
    fired = ((name, rule(facts, watch)) for name, rule in RULES)
    return tuple(Finding(name, Severity.FAIL, sentence) for name, sentence in fired if sentence)


def _so_far(facts: Facts, watch: Watch, remark: str) -> Verdict:
    """Before the deadline, with no rule fired."""
    blind = blindness(facts, watch)
    if blind:
        return Verdict(Outcome.ERROR, blind, "blind")
    left = f"{minutes(watch.deadline - watch.now)} left"
    if not facts.checks:
        return Verdict(Outcome.INCONCLUSIVE, f"nothing measured yet; {left}")
    streak = facts.streak
    if streak.unhealthy:
        needed = watch.monitor.recovery_threshold
        mood = f"unhealthy, {streak.good} of {needed} good checks in a row since {facts.why_failed}"
    elif streak.failed:
        mood = f"the last check failed ({facts.why_failed})"
    else:
        mood = "so far so good"
    told = "; ".join(part for part in (remark, left) if part)
    return Verdict(Outcome.INCONCLUSIVE, f"{mood}: {summary(facts)}; {told}")


def _at_the_end(facts: Facts, watch: Watch, remark: str, doubt: str) -> Verdict:
    """At the deadline, with no rule fired: a pass has to be earned by measurements."""
    doubt = doubt_at_the_end(facts, watch) or doubt
    told = f"{summary(facts)}; {remark}" if remark else summary(facts)
    if doubt:
        return Verdict(Outcome.INCONCLUSIVE, f"{doubt}: {told}", "coverage")
    return Verdict(Outcome.PASS, f"healthy for {minutes(watch.window_s)}: {told}")

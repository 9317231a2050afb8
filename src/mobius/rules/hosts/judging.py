"""The judgement of a window over many hosts: is the release bad, or a host of it?

The pool of all hosts is judged as one service is. Where that says no, it is asked once more without the hosts that
stand out, as many as may be left out: still no is a bad release; otherwise those hosts are bad, and the window goes on
without them, judged anew from its beginning as if they had never been there. A host may also be found bad while the
pool is well. More bad hosts than may be left out are a bad release.

The bound: a release is taken back only where the pool was found bad (its part of the chance of a false alarm), or where
hosts were (theirs); asking again can only let it go. So both together stay within what is claimed of one service.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from mobius.model.sample import Sample
from mobius.model.verdict import Finding, Outcome, Severity, Verdict
from mobius.rules.disarming import Span, closed_up
from mobius.rules.hosts.packed import looks, packed
from mobius.rules.hosts.streams import HOSTS, Out, merged, of_those_in, without
from mobius.rules.hosts.suspects import Suspicion
from mobius.rules.hosts.worse import HostTests, more_than_may
from mobius.rules.judging import Judging

RULE = "hosts"
Looks = Sequence[Sequence[Sample]]


@dataclass(slots=True)
class HostJudging:
    """One window over `hosts`. `judging` and `tests` make new ones, which have seen nothing; `budget`: so many hosts
    may be out. `outs`: those that were taken out since the window opened; `left_out`: all that take no part now, for
    whatever reason: also one that was just taken out, by a runner that died before it could say so."""

    judging: Callable[[], Judging]
    tests: Callable[[Sequence[str]], HostTests]
    hosts: tuple[str, ...]
    budget: int
    outs: tuple[Out, ...] = ()
    left_out: frozenset[str] = frozenset()
    taking_out: Mapping[str, str] = field(default_factory=dict)  # as of the last verdict: who, and why
    _pool: Judging = field(init=False)
    _each: HostTests = field(init=False)
    _all: list[Sample] = field(default_factory=list)
    _pooled: list[Sample] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._begin()

    def hear(self, outs: Sequence[Out], left_out: Sequence[str], spans: Sequence[Span]) -> None:
        """Who is out by now. Where that has changed, everything is judged anew."""
        self.left_out = frozenset(left_out)
        if tuple(outs) != self.outs:
            self.outs, seen = tuple(outs), self._all
            self._all, self._pooled = [], []
            self._begin()
            self.feed(seen, spans)

    def feed(
        self, samples: Sequence[Sample], spans: Sequence[Span], *, is_disarmed: bool = False
    ) -> Finding | None:
        """What was found so far, of the release or of a host. A look that is packed is unpacked only here, and kept as
        it is: of a thousand hosts an hour would not fit otherwise."""
        self._all += packed(samples)
        found = None
        for look in looks(samples) if any(sample.signal == HOSTS for sample in samples) else (samples,):
            is_paused = bool(is_disarmed and spans and look and look[-1].at > spans[-1].start)
            found = self._take(look, spans, is_disarmed=is_paused if look else is_disarmed)
        return found

    def _take(self, look: Sequence[Sample], spans: Sequence[Span], *, is_disarmed: bool) -> Finding | None:
        pooled = without(look, self.outs)
        self._pooled += pooled
        found = self._pool.feed(pooled, spans, is_disarmed=is_disarmed)
        self._each.feed(closed_up(of_those_in(look, self.outs), spans))
        bad = self._each.bad()
        return found or (Finding(RULE, Severity.FAIL, next(iter(bad.values()))) if bad else None)

    def evidence(self) -> Mapping[str, tuple[float, float]]:
        """Of the pool, by signal; and of the host against which most speaks."""
        told = dict(self._pool.evidence())
        each = self._each.evidence()
        if each:
            worst = max(each, key=lambda host: each[host][0] / each[host][1])
            told[f"host:{worst}"] = each[worst]
        return told

    def forgiven_s(self, now: float) -> float:
        """As of one service."""
        return self._pool.forgiven_s(now)

    def verdict(self, samples: Sequence[Sample], now: float, spans: Sequence[Span]) -> Verdict:
        """What they say of the release; and `taking_out`: which hosts are bad by themselves."""
        self.taking_out = {}
        bad, verdict = self._each.bad(), self._pool.verdict(self._pooled, now, spans)
        if bad and len(bad) > (may := self._may(bad)):
            words = more_than_may(bad, may, len(self._in()))
            found = Finding(RULE, Severity.FAIL, words)
            return Verdict(Outcome.FAIL, words, RULE, (found, *verdict.findings))
        if bad:
            there = self._without(bad, self._apart(bad), now, spans)
            self.taking_out = {} if there.outcome is Outcome.FAIL else bad
            return there
        return self._asked_again(verdict, now, spans) if verdict.outcome is Outcome.FAIL else verdict

    def if_it_were_armed(self, samples: Sequence[Sample], now: float, spans: Sequence[Span]) -> Verdict:
        """Of the pool, while nothing acts."""
        return self._pool.if_it_were_armed(self._pooled, now, spans)

    def _asked_again(self, verdict: Verdict, now: float, spans: Sequence[Span]) -> Verdict:
        """The pool was found bad: is it without those who stand out?"""
        seen = Suspicion(of_those_in(look, self.outs) for look in looks(self._all))
        striking = seen.suspects()
        striking = striking[: self._may(striking)]
        many, there = self._fewest(striking, self._apart(striking), now, spans)
        if there is None:
            return verdict
        why = f"{verdict.sentence}; without {' and '.join(striking[:many])} it is not so"
        self.taking_out = {host: f"{seen.answered(host)}{why}" for host in striking[:many]}
        return there

    def _fewest(
        self, striking: Sequence[str], apart: Looks, now: float, spans: Sequence[Span]
    ) -> tuple[int, Verdict | None]:
        """How many of these, the first of them first, must be left out for the rest to be well, and what is said of the
        rest then; None where leaving all of them out does not help. The whole window is judged anew each time, so one
        is tried, then all, then what lies between."""
        bad, tried = 0, min(1, len(striking))
        there = self._without(striking[:tried], apart, now, spans) if tried else None
        if there is not None and there.outcome is Outcome.FAIL:
            bad, tried = 1, len(striking)
            there = self._without(striking, apart, now, spans) if tried > bad else None
        if there is None or there.outcome is Outcome.FAIL:
            return 0, None
        while tried - bad > 1:
            between = (bad + tried) // 2
            less = self._without(striking[:between], apart, now, spans)
            if less.outcome is Outcome.FAIL:
                bad = between
            else:
                tried, there = between, less
        return tried, there

    def _without(
        self, hosts: Sequence[str] | Mapping[str, str], apart: Looks, now: float, spans: Sequence[Span]
    ) -> Verdict:
        """The window as it would be if they had never been there; `apart`: its looks, with these hosts apart."""
        outs = (*self.outs, *(Out(host, now) for host in hosts))
        pooled = [sample for look in apart for sample in without(look, outs)]
        pool = self.judging()
        pool.feed(pooled, spans)
        return pool.verdict(pooled, now, spans)

    def _apart(self, hosts: Collection[str]) -> Looks:
        """Every look, with these hosts and those that were ever out apart, and all others as one."""
        apart = {*hosts, *(out.host for out in self.outs)}
        return [merged(look, apart) for look in looks(self._all)] if hosts else ()

    def _in(self) -> tuple[str, ...]:
        gone = {out.host for out in self.outs if out.back_at == inf}
        return tuple(host for host in self.hosts if host not in gone)

    def _may(self, bad: Collection[str]) -> int:
        """So many of these may be left out, besides those that are; and one host stays at least."""
        others = self.left_out - set(bad)
        return max(0, min(self.budget - len(others), len(set(self._in()) - others) - 1))

    def _begin(self) -> None:
        self._pool, self._each = self.judging(), self.tests(self._in())

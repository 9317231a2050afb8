"""Is one host worse than the others, which serve the same release at the same time? Asked at every look.

Each host is held against all others together, side by side (`rules/adaptive/control.py`): whatever befalls all of them
cancels, and nothing need be known of before. Tolerated is twice as many errors and half a percentage point more, and
answers that are 1.5 times slower: hosts differ. For hosts that are no worse than that, whatever else happens, the
chance that any one of them is *ever* taken for bad in a window is at most `OF_THE_HOSTS` of `ALPHA`, which is shared
out among them all; the release has the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest

from mobius.model.baseline import Block, added
from mobius.model.sample import Sample
from mobius.model.settings import MonitorSettings
from mobius.rules.adaptive import Adaptive
from mobius.rules.adaptive.bounds import share_above
from mobius.rules.adaptive.evidence import Beside
from mobius.rules.health.facts import Streak, is_measured
from mobius.rules.hosts.streams import BEFORE, CHECK, block_of, blocks_at

OF_THE_HOSTS = 0.2  # of the claimed chance of a false alarm, for all hosts together
OTHER_HOSTS = Beside(2.0, 0.005, 2, "of the other hosts")
CHECKS = 3  # failed in a row are borne, where the policy knows no number
KNOWN_BEFORE, AS_BEFORE, SURE = 100, 1.5, 0.05


class HostTests:
    """The hosts of one window of `window_s` seconds. Fed with every sample of those that take part, in order.
    `max_failed_checks`: so many in a row are borne."""

    def __init__(
        self,
        hosts: Sequence[str],
        *,
        opened_at: float,
        window_s: float,
        monitor: MonitorSettings,
        max_failed_checks: int | None = None,
    ) -> None:
        self._monitor = monitor
        self._most = CHECKS if max_failed_checks is None else max_failed_checks
        part = OF_THE_HOSTS / max(1, len(hosts))
        self._tests = {
            host: Adaptive(
                None,
                window_s=window_s,
                share_of_alpha=part,
                blip_s=monitor.within(window_s).blip_tolerance_s,
                tolerated=OTHER_HOSTS,
            )
            for host in hosts
        }
        self._last_at, self._took_s = opened_at, float("inf")
        self._worse: dict[str, str] = {}
        self._checks: dict[str, Streak] = {}
        self._notes: dict[str, str] = {}  # of the last check of each host
        self._before: dict[str, Block] = {}
        self._seen: dict[str, Block] = {}

    def feed(self, samples: Sequence[Sample]) -> None:
        """What was measured since."""
        for sample in samples:
            if sample.signal.startswith(CHECK) and is_measured(sample):
                host = sample.signal.removeprefix(CHECK)
                self._checks[host] = self._checks.get(host, Streak()).after(bool(sample.ok), self._monitor)
                self._notes[host] = sample.note
            elif sample.signal.startswith(BEFORE):
                self._before.setdefault(sample.signal.removeprefix(BEFORE), block_of(sample))
        for at, blocks in blocks_at(samples).items():
            self._tick(at, blocks)

    def bad(self) -> Mapping[str, str]:
        """The hosts that are bad by themselves, each with the reason in one sentence."""
        found = {host: why for host, why in self._worse.items() if self._is_news(host)}
        return {**self._not_answering(), **found}

    def evidence(self) -> Mapping[str, tuple[float, float]]:
        """By host, how much speaks against it, and from where on it is taken for bad."""
        return {host: (test.evidence, test.threshold) for host, test in self._tests.items()}

    def _tick(self, at: float, blocks: Mapping[str, Block]) -> None:
        took_s, before_s = at - self._last_at, self._took_s
        self._last_at = at
        if took_s <= 0:
            return
        self._took_s = took_s
        whole = added(blocks.values())
        for host, block in blocks.items():
            self._seen[host] = added([self._seen.get(host, Block(0, 0, ())), block])
            others = _without(whole, block)
            if host not in self._tests or not others.requests:
                continue
            for_s = min(took_s, 2 * before_s)  # as in WindowTests: a leap of the clock is one bad moment
            judged = self._tests[host].observe(block.requests, block.errors, block.histogram, for_s, others)
            if judged.is_bad:
                self._worse.setdefault(host, judged.sentence)

    def _not_answering(self) -> Mapping[str, str]:
        """Hosts that fail their own checks while another answers its own."""
        if not any(row.failed == 0 for row in self._checks.values()):
            return {}
        return {
            host: f"{row.failed} health checks in a row failed there, and not on the others: {self._notes[host]}"
            for host, row in self._checks.items()
            if row.failed > self._most
        }

    def _is_news(self, host: str) -> bool:
        """Of two hosts nobody can say which one is the odd one out; but where this one failed as often with the release
        before, it is no worse than it was."""
        before, now = self._before.get(host), self._seen.get(host)
        if len(self._seen) > 2 or before is None or now is None or before.requests < KNOWN_BEFORE:
            return True
        was = share_above(before.errors, before.requests, SURE)
        return now.errors > AS_BEFORE * was * now.requests or not now.errors


def more_than_may(bad: Mapping[str, str], room: int, of: int) -> str:
    """Why so many bad hosts are a bad release."""
    names = ", ".join(sorted(bad))
    worst = next(iter(bad.values()))
    may = f"{room} more may be left out" if room > 0 else "none may be left out (fleet.failure_budget)"
    told = f"{names} of {of} hosts {'is' if len(bad) == 1 else 'are'} bad, and {may}"
    return f"{told}: {worst}"


def _without(whole: Block, block: Block) -> Block:
    pairs = zip_longest(whole.histogram, block.histogram, fillvalue=0)
    histogram = tuple(all_of - one for all_of, one in pairs)
    return Block(whole.requests - block.requests, whole.errors - block.errors, histogram)

"""Whom to ask first: hosts with more than their share of what was bad, once the pool of all hosts was found bad.

Who is a suspect decides nothing by itself. The release is taken back when the pool without the suspects is bad, too;
so however suspects are chosen, a healthy release is taken back no more often than the pool alone would be.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

from mobius.model.baseline import Block, added
from mobius.model.sample import Sample
from mobius.rules.adaptive.bounds import chance_of_so_many
from mobius.rules.hosts.streams import CHECK, blocks_at

BY_CHANCE = 0.01  # for all hosts together: more likely than that is no suspicion
LATELY_S = 120.0
MOST_PARTS = 32
SLOW = 0.95  # of the answers of all hosts are faster than what is slow


class Suspicion:
    """What the looks of a window say of the hosts that take part; each look is forgotten as soon as it was read.
    `looks`: oldest first."""

    def __init__(self, looks: Iterable[Sequence[Sample]]) -> None:
        self._whole = _Totals()
        self._lately: deque[tuple[float, Mapping[str, Block]]] = deque()
        self._checks: dict[str, bool] = {}  # how each host's last own check was answered
        for look in looks:
            for at, blocks in blocks_at(look).items():
                self._whole.add(blocks)
                self._lately.append((at, blocks))
                while self._lately[0][0] <= at - LATELY_S:
                    self._lately.popleft()
            for sample in look:
                if sample.signal.startswith(CHECK) and sample.ok is not None:
                    self._checks[sample.signal.removeprefix(CHECK)] = sample.ok

    def suspects(self) -> tuple[str, ...]:
        """The hosts that stand out, the most striking first."""
        lately = _Totals()
        for _, blocks in self._lately:
            lately.add(blocks)
        chances = _chances(self._whole.of_each())
        for host, chance in _chances(lately.of_each()).items():
            chances[host] = min(chance, chances[host])
        chances |= dict.fromkeys(self._failing_alone(), 0.0)
        standing_out = [host for host, chance in chances.items() if chance * len(chances) < BY_CHANCE]
        return tuple(sorted(standing_out, key=lambda host: (chances[host], host)))

    def answered(self, host: str) -> str:
        """ "12 of 46 requests failed there, 1 of 93 on the others; " and nothing where none did."""
        totals = self._whole.of_each()
        whole, there = added(totals.values()), totals.get(host, Block(0, 0))
        if not there.errors:
            return ""
        others = f"{whole.errors - there.errors:,} of {whole.requests - there.requests:,} on the others"
        return f"{there.errors:,} of {there.requests:,} requests failed there, {others}; "

    def _failing_alone(self) -> list[str]:
        """Hosts whose last own check failed, while another's did not."""
        return [host for host, ok in self._checks.items() if not ok] if any(self._checks.values()) else []


class _Totals:
    """What each host answered in all, added up a few looks at a time."""

    def __init__(self) -> None:
        self._parts: dict[str, list[Block]] = {}

    def add(self, blocks: Mapping[str, Block]) -> None:
        for host, block in blocks.items():
            parts = self._parts.setdefault(host, [])
            parts.append(block)
            if len(parts) == MOST_PARTS:
                parts[:] = [added(parts)]

    def of_each(self) -> Mapping[str, Block]:
        return {host: added(parts) for host, parts in self._parts.items()}


def _chances(totals: Mapping[str, Block]) -> dict[str, float]:
    """How likely it is by chance that so much of what failed, or was slow, was answered by each host."""
    whole = added(totals.values())
    edge = bisect_left(list(accumulate(whole.histogram)), SLOW * sum(whole.histogram))
    slow, timed = sum(whole.histogram[edge + 1 :]), sum(whole.histogram)
    found = {}
    for host, block in totals.items():
        failed = _tail(block.errors, whole.errors, block.requests, whole.requests)
        late = _tail(sum(block.histogram[edge + 1 :]), slow, sum(block.histogram), timed)
        found[host] = min(failed, late)
    return found


def _tail(bad: int, all_bad: int, of: int, all_of: int) -> float:
    return chance_of_so_many(bad, all_bad, of / all_of) if bad and all_of else 1.0

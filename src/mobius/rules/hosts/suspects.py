"""Whom to ask first: hosts with more than their share of what was bad, once the pool of all hosts was found bad.

Who is a suspect decides nothing by itself. The release is taken back when the pool without the suspects is bad, too;
so however suspects are chosen, a healthy release is taken back no more often than the pool alone would be.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate

from mobius.model.baseline import Block, added
from mobius.model.sample import Sample
from mobius.rules.adaptive.bounds import chance_of_so_many
from mobius.rules.hosts.streams import CHECK, blocks_at

BY_CHANCE = 0.01  # for all hosts together: more likely than that is no suspicion
LATELY_S = 120.0
SLOW = 0.95  # of the answers of all hosts are faster than what is slow


def suspects(samples: Sequence[Sample]) -> tuple[str, ...]:
    """The hosts that stand out, the most striking first. `samples`: of the hosts that take part, oldest first."""
    blocks = blocks_at(samples)
    newest = max(blocks, default=0.0)
    lately = {at: there for at, there in blocks.items() if at > newest - LATELY_S}
    chances = _chances(_totals(blocks))
    for host, chance in _chances(_totals(lately)).items():
        chances[host] = min(chance, chances[host])
    chances |= dict.fromkeys(_failing_alone(samples), 0.0)
    standing_out = [host for host, chance in chances.items() if chance * len(chances) < BY_CHANCE]
    return tuple(sorted(standing_out, key=lambda host: (chances[host], host)))


def answered(host: str, samples: Sequence[Sample]) -> str:
    """ "12 of 46 requests failed there, 1 of 93 on the others; " and nothing where none did."""
    totals = _totals(blocks_at(samples))
    whole, there = added(totals.values()), totals.get(host, Block(0, 0))
    if not there.errors:
        return ""
    others = f"{whole.errors - there.errors:,} of {whole.requests - there.requests:,} on the others"
    return f"{there.errors:,} of {there.requests:,} requests failed there, {others}; "


def _totals(blocks: Mapping[float, Mapping[str, Block]]) -> Mapping[str, Block]:
    found: dict[str, list[Block]] = {}
    for there in blocks.values():
        for host, block in there.items():
            found.setdefault(host, []).append(block)
    return {host: added(parts) for host, parts in found.items()}


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


def _failing_alone(samples: Sequence[Sample]) -> list[str]:
    """Hosts whose last own check failed, while another's did not."""
    last: dict[str, bool] = {}
    for sample in samples:
        if sample.signal.startswith(CHECK) and sample.ok is not None:
            last[sample.signal.removeprefix(CHECK)] = sample.ok
    return [host for host, ok in last.items() if not ok] if any(last.values()) else []

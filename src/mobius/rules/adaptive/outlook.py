"""What a window will be able to see, said before it begins: with little traffic that is little, and there is a cure."""

from __future__ import annotations

from math import inf

from mobius.model.baseline import Baseline
from mobius.rules.adaptive import Adaptive
from mobius.rules.adaptive.power import Pace, least_share_seen, seconds_until_seen
from mobius.rules.adaptive.words import share, time_about

RISE = 0.05  # the share of errors that is spoken of
SLOW_S = 300.0  # whoever waits longer for that wants to know what helps
HELP = "what helps: a probe every 5 s (monitor.interval), synthetic load, or a canary with long stages"


def outlook(tests: Adaptive, baseline: Baseline, window_s: float) -> str:
    """ "at 2 requests/s a rise of errors to 5 % is seen in about 3 min, and within 60 min one to 1 %"; with little
    traffic also what would help. `tests`: as the window begins; `baseline`: how much traffic there was."""
    seconds = len(baseline.blocks) * baseline.block_s
    if not seconds or not baseline.blocks:
        return ""
    pace = Pace(sum(block.requests for block in baseline.blocks) / seconds)
    evidence, weight = tests.channels[0]
    soon_s = seconds_until_seen(evidence, RISE, pace, weight=weight, threshold=tests.threshold)
    least = least_share_seen(evidence, pace, window_s, weight=weight, threshold=tests.threshold)
    at = f"at {_rate(pace.per_s)}"
    if least >= 1:
        return f"{at} no rise of errors is seen within {time_about(window_s)}; {HELP}"
    whole = f"within {time_about(window_s)} one to {share(least)}"
    if soon_s > window_s:
        return f"{at} only a rise of errors to {share(least)} or more is seen within {time_about(window_s)}; {HELP}"
    told = f"{at} a rise of errors to {share(RISE)} is seen in about {time_about(soon_s)}, and {whole}"
    return f"{told}; {HELP}" if SLOW_S < soon_s < inf else told


def _rate(per_s: float) -> str:
    if per_s >= 1:
        return f"{per_s:,.2g} requests/s" if per_s < 100 else f"{per_s:,.0f} requests/s"
    return f"{per_s * 60:.2g} requests/min"

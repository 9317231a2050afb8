"""What the sequential test says: one sentence with its numbers, and how sure it is."""

from __future__ import annotations

from mobius.rules.adaptive.ceilings import Ceiling
from mobius.rules.adaptive.control import Control

LEAST = 1e-5  # a smaller share is not worth its digits
CLUMPING = 0.05  # of the rate of errors: below it nobody needs to hear of bursts


def sentence(
    ceiling: Ceiling, now: float, threshold: float, beside: Control | None = None, whose: str = ""
) -> str:
    """Why this is worse than before: what it is, what it was (of what is `beside` it: what it is there, and `whose`),
    what is tolerated, and the chance of a false alarm."""
    what = (
        "errors" if ceiling.above < 0 else f"answers {ceiling.name}{'' if ceiling.is_gate else ' of before'}"
    )
    worst = f", even without the worst {ceiling.blip_s:.0f} s" if ceiling.blip_s else ""
    if beside is not None:
        there = f"{share(beside.share)} {whose} ({share(beside.tolerated)} tolerated)"
        one_sided = " (approximately: they come in bursts)" if beside.phi > 1 else ""
        return f"{what}: {share(now)} now, {there}; {chance(threshold)}{worst}{one_sided}"
    told = f"{what}: {share(now)} now, {share(ceiling.was)} before ({share(ceiling.share)} tolerated)"
    return f"{told}; {chance(threshold)}{worst}{weaker(ceiling)}"


def chance(threshold: float) -> str:
    """The claimed bound of a false alarm in the whole window."""
    return f"the chance of a false alarm is below 1 in {round(0.8 * threshold):,}"


def weaker(ceiling: Ceiling) -> str:
    """Where the bound holds only approximately, and why."""
    why = []
    if ceiling.clumping > CLUMPING:
        why.append("errors came in bursts before")
    if ceiling.wanders:
        why.append("response times wandered before")
    elif ceiling.phi > 1:
        why.append("slow answers came in bursts before")
    return f" (approximately: {', '.join(why)})" if why else ""


def share(value: float) -> str:
    """A share in percent, with two digits that say something."""
    if 0 < value < LEAST:
        return f"under {100 * LEAST:g} %"
    return f"{100 * value:.2g} %" if value < 0.1 else f"{100 * value:.0f} %"


def time_about(seconds: float) -> str:
    """Two figures at most: "45 s", "4 min", "1.5 h"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.2g} h"

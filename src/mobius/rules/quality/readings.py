"""How one number or word is held against its limit; nothing read is an ERROR, and so is a number that is none."""

from __future__ import annotations

import math
from collections.abc import Callable

from mobius.model.quality import Reading
from mobius.model.verdict import Outcome


def at_most(
    name: str, value: float | None, limit: float, unit: str, *, advice: str = "", why: str = ""
) -> Reading:
    """Not more than the limit."""
    return _number(name, value, f"at most {_said(limit, unit)}", unit, lambda v: v <= limit, advice, why)


def below(
    name: str, value: float | None, limit: float, unit: str, *, advice: str = "", why: str = ""
) -> Reading:
    """Less than the limit."""
    return _number(name, value, f"less than {_said(limit, unit)}", unit, lambda v: v < limit, advice, why)


def near(
    name: str,
    value: float | None,
    wanted: float,
    within: float,
    unit: str,
    *,
    advice: str = "",
    why: str = "",
) -> Reading:
    """No further from what is wanted than that, on either side."""
    limit = f"{_said(wanted, unit)} ± {within:g}"
    # A reading printed to one digit may be the limit itself: -17.0 for -16 ± 1 is a pass.
    return _number(name, value, limit, unit, lambda v: abs(v - wanted) <= within + 1e-9, advice, why)


def same(name: str, value: str | None, wanted: str, *, advice: str = "", why: str = "") -> Reading:
    """Exactly what is wanted."""
    if not value:
        return unread(name, wanted, why or "it is not said", advice)
    good = value == wanted
    message = f"{name} is {value}" if good else f"{name} is {value}, not {wanted}"
    return Reading(
        name, Outcome.PASS if good else Outcome.FAIL, value, wanted, message, "" if good else advice
    )


def unread(name: str, limit: str, why: str, advice: str = "") -> Reading:
    """Could not be read, so it is no pass."""
    return Reading(name, Outcome.ERROR, None, limit, f"{name} could not be read: {why}", advice)


def _number(
    name: str,
    value: float | None,
    limit: str,
    unit: str,
    holds: Callable[[float], bool],
    advice: str,
    why: str,
) -> Reading:
    if value is None or not math.isfinite(value):
        return unread(name, limit, why or "there is no such number", advice)
    good = holds(value)
    message = f"{name} is {_said(value, unit)}" + ("" if good else f" ({limit} wanted)")
    return Reading(
        name, Outcome.PASS if good else Outcome.FAIL, value, limit, message, "" if good else advice
    )


def _said(value: float, unit: str) -> str:
    number = f"{round(value, 2):g}".replace("-", "−")
    return f"{number} {unit}".rstrip()

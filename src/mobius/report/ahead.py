"""Hosts that know a higher token than the journal, in words."""

from __future__ import annotations

from mobius.model.emergency import Ahead
from mobius.report.words import counted, iso

MOST_NAMED = 5


def ahead_words(seen: Ahead) -> str:
    """ "web1 has seen token 9, of an emergency of ann@web9 at 2026-11-22T03:12:00Z, and this journal has given 4" """
    who = _named(seen.above) if seen.above else "a host"
    have = "has" if len(seen.above) <= 1 else "have"
    of = f", of an emergency of {seen.highest.by}" if seen.highest.by else ""
    if of and seen.highest.at:
        of += f" at {iso(seen.highest.at)}"
    return (
        f"{who} {have} seen token {seen.highest.token}{of}, and this journal has given {seen.token or 'none'}"
    )


def silent_words(seen: Ahead) -> str:
    """Who was not asked, "" for nobody."""
    return f"not asked, for they are not reached: {_named(tuple(seen.silent))}" if seen.silent else ""


def _named(names: tuple[str, ...]) -> str:
    if len(names) <= MOST_NAMED:
        return ", ".join(names)
    return f"{', '.join(names[:MOST_NAMED])} and {counted(len(names) - MOST_NAMED, 'other')}"

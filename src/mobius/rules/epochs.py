"""The token of an emergency: higher than any that was given, and than all that a journal will give before it knows."""

from __future__ import annotations

BAND = 1 << 20  # so many tokens are left to the journal between two emergencies


def epoch_above(seen: int, now: float, luck: float) -> int:
    """A token above `seen`, the highest that is known here. The journal may know a higher one and cannot be asked, so
    the time leaves it far behind; `luck` (0 to 1) tells two emergencies of one moment apart."""
    return max(int(now), seen // BAND + 1) * BAND + int(luck * (BAND // 2))

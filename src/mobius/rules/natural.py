"""The order in which people count: V2 before V10."""

from __future__ import annotations

import re

_NUMBERS = re.compile(r"(\d+)")


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """A key for sorting, in which runs of digits count as numbers."""
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in _NUMBERS.split(name))

"""The order in which people count: V2 before V10."""

from __future__ import annotations

import re

from mobius.model.numbers import whole

_NUMBERS = re.compile(r"([0-9]+)")


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """A key for sorting, in which runs of digits count as numbers."""
    return tuple(
        (1, 0, part) if (number := whole(part)) is None else (0, number, "") for part in _NUMBERS.split(name)
    )

"""Whole numbers out of texts that others wrote: of any length, in any script."""

from __future__ import annotations

LARGEST = 10**18
_DIGITS = len(str(LARGEST)) - 1


def whole(text: str) -> int | None:
    """The number that ASCII digits spell, and no other text; `LARGEST` for every one that is larger."""
    if not (text.isascii() and text.isdigit()):
        return None
    counting = text.lstrip("0")
    return int(counting or "0") if len(counting) <= _DIGITS else LARGEST

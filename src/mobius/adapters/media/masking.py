"""Masks drawn on the planes of a picture: true where nothing is compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mobius.adapters.media.planes import Picture
from mobius.errors import UsageError
from mobius.rules.media.masks import MOST_MASKED

Drawn = tuple[NDArray[np.bool_], ...]


def drawn(masks: Sequence[dict[str, Any]], picture: Picture) -> tuple[Drawn, float]:
    """For each plane, and the share of the first that is masked; nothing without a mask. Raises `UsageError` where that
    is more than a fifth."""
    if not masks:
        return (), 0.0
    planes = tuple(_on(masks, picture, plane.shape) for plane in picture.planes)
    share = float(planes[0].mean())
    if share > MOST_MASKED:
        raise UsageError(
            f"masks cover {share:.0%} of the picture, at most {MOST_MASKED:.0%} may be",
            "mask only what differs from one rendering to the next",
        )
    return planes, share


def _on(masks: Sequence[dict[str, Any]], picture: Picture, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """A pixel of a smaller plane is masked where any of those it stands for is."""
    high, wide = shape
    down, right = picture.height / high, picture.width / wide
    top, left = np.arange(high)[:, None] * down, np.arange(wide)[None, :] * right
    found = np.zeros((high, wide), np.bool_)
    for mask in masks:
        x, y, width, height = (mask[name] for name in ("x", "y", "width", "height"))
        if mask["shape"] == "circle":
            middle_x, middle_y = x + width / 2, y + height / 2
            away_x = np.clip(middle_x, left, left + right) - middle_x
            away_y = np.clip(middle_y, top, top + down) - middle_y
            found |= away_x**2 + away_y**2 <= (width / 2) ** 2
        else:
            found |= (left + right > x) & (left < x + width) & (top + down > y) & (top < y + height)
    return found

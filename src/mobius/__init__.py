"""mobius ships a release and proves, at every step, that it can be taken back.

import mobius
run = mobius.open("mobius.toml").deploy("production", tag="v2.1.0")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mobius.wiring import App

__all__ = ["open"]


def open(path: Any = None, **options: Any) -> App:
    """The App of the `mobius.toml` at `path` (file or folder), or of the one here or above.

    Raises `mobius.errors.ConfigurationError` with every mistake at once.
    """
    from mobius.wiring import open_app

    return open_app(path, **options)

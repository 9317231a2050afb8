"""The files of this package that are written into projects, or rendered for them."""

from __future__ import annotations

from importlib import resources


def template(name: str) -> str:
    """The text of one file of `mobius init`, as it stands in the package."""
    there = resources.files("mobius.report").joinpath(f"templates/init/{name}")
    return there.read_text(encoding="utf-8")

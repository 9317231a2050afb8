"""Versions: which part of one changed, and what a requirement asks for."""

from __future__ import annotations

import re

from mobius.model.numbers import whole

_VERSION = re.compile(r"([0-9]+)(?:[.]([0-9]+))?(?:[.]([0-9]+))?")


def numbers(version: str) -> tuple[int, int, int] | None:
    """Major, minor, patch of the first version in the text; None where there is none (`latest`, a git address)."""
    match = _VERSION.search(version)
    return (whole(match[1]) or 0, whole(match[2] or "") or 0, whole(match[3] or "") or 0) if match else None


def is_major(was: str, becomes: str) -> bool:
    """Whether this may break who uses it: another major version, or another minor one of 0.x (semver.org, 4)."""
    old, new = numbers(was), numbers(becomes)
    if old is None or new is None:
        return False
    return old[0] != new[0] or (old[0] == 0 and old[1] != new[1])


def is_minor(was: str, becomes: str) -> bool:
    """Whether the first two numbers differ."""
    old, new = numbers(was), numbers(becomes)
    return old is not None and new is not None and old[:2] != new[:2]

"""Advice that names the environment, where whoever reads it would have to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from mobius.errors import MobiusError

_UNNAMED = re.compile(
    r"mobius (?:audit (?:verify|log|head)|evidence (?:key init|list|show|verify|write))(?! -e)"
)


def for_environment(name: str | None, advice: str) -> str:
    """The advice, its commands with `-e NAME`; as it is without a name: where there is one environment only."""
    return _UNNAMED.sub(lambda command: f"{command[0]} -e {name}", advice) if name else advice


@contextmanager
def addressed(name: str | None) -> Iterator[None]:
    """The same for the advice of an error that is raised inside."""
    try:
        yield
    except MobiusError as problem:
        problem.hint = for_environment(name, problem.hint)
        raise

"""One number out of what somebody else said: finite, believable and where it was asked for, or why it is not."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from mobius.rules.expect import MISSING, NOT_JSON, look_into, read_json
from mobius.rules.expect_grammar import Scanner

LARGEST = 1e18  # a nanosecond clock stays below it
LONGEST_SHOWN = 40
_NUMBER = re.compile(r"[+-]?([0-9]{1,400}(\.[0-9]{0,400})?|\.[0-9]{1,400})([eE][+-]?[0-9]{1,4})?")
Path = tuple[str | int, ...]


class NotANumber(ValueError):
    """There is no number to be had; the text says what there is instead."""


def read_path(text: str) -> Path:
    """The keys and indexes of `jobs.waiting`, `[0].depth` or `["odd key"]`. Raises ConfigurationError."""
    scanner = Scanner(text)
    path = scanner.path()
    scanner.end()
    return path


def number_in(text: str, path: Sequence[str | int] = ()) -> float:
    """The number that the text is, or that stands at `path` of its JSON. Raises NotANumber."""
    if not path:
        return number_of(text.strip())
    found = look_into(read_json(text), path)
    if found is NOT_JSON:
        raise NotANumber(f"not JSON: {_shown(text)}")
    if found is MISSING:
        raise NotANumber(f"nothing at {_written(path)}")
    try:
        return number_of(found)
    except NotANumber as error:
        raise NotANumber(f"{_written(path)} is {error}") from None


def number_of(found: object) -> float:
    """A JSON number, or text that is one. Raises NotANumber."""
    if isinstance(found, str):
        if re.fullmatch(r"[+-]?(nan|inf|infinity)", found, re.IGNORECASE):
            raise NotANumber(found)
        if not _NUMBER.fullmatch(found):
            raise NotANumber(f"no number: {_shown(found)}")
    elif isinstance(found, bool) or not isinstance(found, int | float):
        raise NotANumber(f"no number: {_shown(found)}")
    try:
        number = float(found)
    except OverflowError:
        number = math.inf
    if math.isnan(number):
        raise NotANumber("NaN")
    if abs(number) > LARGEST:
        raise NotANumber("too large to be true")
    return number


def _shown(found: object) -> str:
    if found is None or isinstance(found, bool):
        return {None: "null", True: "true", False: "false"}[found]
    if isinstance(found, dict | list):
        return "an object" if isinstance(found, dict) else "a list"
    text = "".join(c if c.isprintable() else " " for c in str(found)[: 4 * LONGEST_SHOWN]).strip()
    return f'"{text[:LONGEST_SHOWN]}…"' if len(text) > LONGEST_SHOWN else f'"{text}"' if text else "nothing"


def _written(path: Sequence[str | int]) -> str:
    parts = (f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return "".join(parts).removeprefix(".")

"""Reads what others wrote: what is not of the expected shape is no answer, and says so."""

from __future__ import annotations

import codecs
import json
import math
from typing import Any

from mobius.errors import GateUnknown
from mobius.model.scan import Level

MOST_TEXT = 300
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
LEVELS = {
    "info": Level.LOW,
    "low": Level.LOW,
    "moderate": Level.MODERATE,
    "medium": Level.MODERATE,
    "high": Level.HIGH,
    "critical": Level.CRITICAL,
}


class Unread(GateUnknown):
    """What a tool wrote is not what it writes when it looked."""


def document(text: str, tool: str, *, by_hand: bool = False) -> dict[str, Any]:
    """The object of JSON in the text. One that says something twice says nothing, but where people write it
    (`by_hand`): there the last word counts, as npm reads it. Raises `Unread`."""
    if not text.strip():
        raise Unread(f"{tool} printed nothing")
    try:
        made = json.loads(text, object_pairs_hook=None if by_hand else _each_once)
    except (ValueError, RecursionError) as problem:
        raise Unread(f"what {tool} printed is no JSON: {problem}") from problem
    return table(made, f"what {tool} printed")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"it says {twice[:40]!r} twice")
    return made


def table(value: object, what: str) -> dict[str, Any]:
    """The same value, which is an object. Raises `Unread`."""
    if not isinstance(value, dict):
        raise Unread(f"{what} is no object")
    return value


def rows(value: object, what: str) -> list[Any]:
    """The same value, which is a list. Raises `Unread`."""
    if not isinstance(value, list):
        raise Unread(f"{what} is no list")
    return value


def text(value: object, what: str = "", *, longest: int = MOST_TEXT) -> str:
    """One line of text, "" for None. Raises `Unread` where it is something else, or `what` is needed and empty."""
    if value is None and not what:
        return ""
    if not isinstance(value, str) or (what and not value.strip()):
        raise Unread(f"{what or 'a text'} is missing")
    line = " ".join(writable(value).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def decoded(content: bytes) -> str:
    """The text of a file as npm and pip read it: by its byte order mark, which PowerShell writes, else UTF-8."""
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace")
    return content.decode("utf-8", "replace")


def writable(value: str) -> str:
    """The same without halves of characters, which JSON may hold and no file can."""
    return value.encode("utf-8", "replace").decode("utf-8")


def number(value: object, what: str) -> int:
    """A count. Raises `Unread`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Unread(f"{what} is no count")
    return value


def texts(value: object) -> tuple[str, ...]:
    """The texts of a list, () for None. Raises `Unread`."""
    return () if value is None else tuple(text(each, "an entry") for each in rows(value, "a list of names"))


def level_of(word: object) -> Level:
    """What a word such as "high" means."""
    return LEVELS.get(word.lower(), Level.UNKNOWN) if isinstance(word, str) else Level.UNKNOWN


def level_of_score(score: object) -> Level:
    """What a CVSS score of up to 10 means, a number or its text; 0 is what scanners write where they know of none."""
    try:
        value = (
            float(score) if isinstance(score, (str, int, float)) and not isinstance(score, bool) else math.nan
        )
    except (ValueError, OverflowError):
        return Level.UNKNOWN
    if not 0 < value <= 10:
        return Level.UNKNOWN
    limits = ((9.0, Level.CRITICAL), (7.0, Level.HIGH), (4.0, Level.MODERATE))
    return next((level for least, level in limits if value >= least), Level.LOW)

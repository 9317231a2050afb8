"""Puts members into an object of a JSON text and leaves every other character of it alone."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from mobius.errors import UsageError

SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class _Member:
    key: str
    start: int  # of the key
    value: int
    end: int


def with_members(text: str, key: str, members: Mapping[str, str]) -> str:
    """`text` with these members in the object at its top-level `key`; those that are there keep their values.

    Raises UsageError where the text is no JSON object, or `key` holds none.
    """
    top, top_end = _members(text, _at(text, 1 if text.startswith("\ufeff") else 0))
    holder = next((member for member in top if member.key == key), None)
    newline = "\r\n" if "\r\n" in text else "\n"
    if holder is None:
        unit = _before(text, top[-1].start) if top else "  "
        inner = ("," + newline).join(f"{unit * 2}{_pair(k, v)}" for k, v in members.items())
        return _inserted(
            text, top, top_end, f"{json.dumps(key)}: {{{newline}{inner}{newline}{unit}}}", unit, newline
        )
    inside, inside_end = _members(text, holder.value)
    outer = _before(text, holder.start)
    indent = _before(text, inside[-1].start) if inside else outer * 2
    for name, value in members.items():
        if name in {member.key for member in inside}:
            continue
        text = _inserted(text, inside, inside_end, _pair(name, value), indent, newline, outer)
        inside, inside_end = _members(text, holder.value)
    return text


def _inserted(
    text: str, there: list[_Member], end: int, member: str, indent: str, newline: str, outer: str = ""
) -> str:
    """After the last member, on a line of its own where the members have one each."""
    if not there:
        return f"{text[: end - 1].rstrip()}{newline}{indent}{member}{newline}{outer}{text[end - 1 :]}"
    last = there[-1]
    lines = "\n" in text[: last.start].rsplit("{", 1)[-1] or "\n" in text[last.end : end]
    gap = f"{newline}{indent}" if lines else " "
    return f"{text[: last.end]},{gap}{member}{text[last.end :]}"


def _members(text: str, brace: int) -> tuple[list[_Member], int]:
    """The members of the object that begins at `brace`, and the place past its end."""
    decoder = json.JSONDecoder()
    if text[brace : brace + 1] != "{":
        raise UsageError(
            "package.json does not hold what it should: an object", "correct it, then mobius init"
        )
    found, place = [], _at(text, brace + 1)
    try:
        while text[place] != "}":
            key, after = decoder.raw_decode(text, place)
            value = _at(text, _at(text, after) + 1)
            _, end = decoder.raw_decode(text, value)
            found.append(_Member(str(key), place, value, end))
            place = _at(text, end)
            if text[place] == ",":
                place = _at(text, place + 1)
    except (ValueError, IndexError) as wrong:
        raise UsageError(f"package.json is not JSON: {wrong}", "correct it, then mobius init") from wrong
    return found, place + 1


def _at(text: str, place: int) -> int:
    found = SPACE.match(text, place)
    return found.end() if found else place


def _before(text: str, place: int) -> str:
    """The blanks in front of what stands first in its line; two where it does not."""
    line = text[text.rfind("\n", 0, place) + 1 : place]
    return line if line and not line.strip() else "  "


def _pair(key: str, value: str) -> str:
    return f"{json.dumps(key)}: {json.dumps(value)}"

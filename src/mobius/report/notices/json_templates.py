"""Templates that are JSON: the structure comes from the template alone, values only ever fill strings or numbers in it.

Also where sections stand around members, and variables without quotes, as filled by hand with `sed` they worked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from mobius.errors import ConfigurationError
from mobius.report.notices.templates import Hole, Part, Piece, Values, Wrong, parse, render

# Private characters that stand for a value while the text is read as JSON; taken out of templates first.
_OPEN, _CLOSE, _BARE = "\ue000", "\ue001", "\ue002"
_MARK = re.compile(f"{_OPEN}([0-9]+){_CLOSE}")
_ALONE = re.compile(f"{_BARE}{_OPEN}([0-9]+){_CLOSE}")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,15})(\.[0-9]{1,9})?")
_COMMA = re.compile(r",(\s*[\]}])")
_TWO = re.compile(r"([\[{,]\s*),+")

Escape = Callable[[str], str]


def check_json(text: str) -> tuple[Wrong, ...]:
    """Every mistake in the template: in its variables, and as JSON with every section shown and with none."""
    pieces, wrong = parse(_clean(text))
    if wrong:
        return wrong
    for values in ({}, _everything(pieces)):
        try:
            filled(text, values, str)
        except ConfigurationError as problem:
            return (Wrong(1, problem.message),)
    return ()


def filled(text: str, values: Values, escape: Escape) -> Any:
    """The JSON value with every value in its place, each string passed through `escape` first. Raises
    ConfigurationError where the template is not JSON."""
    pieces, _ = parse(_clean(text))
    kept: list[str] = []

    def put(_: Hole, value: str) -> str:
        kept.append(value)
        return f"{_OPEN}{len(kept) - 1}{_CLOSE}"

    marked = _quoted_where_bare(render(pieces, values, put))
    try:
        made = json.loads(_without_loose_commas(marked))
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"is not JSON: {error}", "a template's variables stand inside of quotes"
        ) from error
    return _with_values(made, kept, escape)


def _clean(text: str) -> str:
    return text.translate(dict.fromkeys(map(ord, (_OPEN, _CLOSE, _BARE)))).removeprefix("\ufeff")


def _everything(pieces: tuple[Piece, ...]) -> dict[str, Any]:
    names: dict[str, Any] = {}
    for piece in pieces:
        if isinstance(piece, Part):
            names |= {piece.name: ["x"], **_everything(piece.body)}
    return names


def _segments(text: str) -> list[tuple[bool, str]]:
    """The text in turns outside (False) and inside of JSON strings, quotes included."""
    found, start, place, inside = [], 0, 0, False
    while place < len(text):
        if inside and text[place] == "\\":
            place += 2
            continue
        if text[place] == '"':
            cut = place + 1 if inside else place
            found.append((inside, text[start:cut]))
            start, inside = cut, not inside
        place += 1
    found.append((inside, text[start:]))
    return found


def _quoted_where_bare(text: str) -> str:
    return "".join(
        part if inside else _MARK.sub(lambda mark: f'"{_BARE}{mark[0]}"', part)
        for inside, part in _segments(text)
    )


def _without_loose_commas(text: str) -> str:
    """Commas that a section left behind. Strings are put aside, so that the text around them is one."""
    strings: list[str] = []
    bones = []
    for inside, part in _segments(text):
        if inside:
            strings.append(part)
        bones.append('""' if inside else part)
    bare = "".join(bones)
    for _ in range(3):
        bare = _TWO.sub(r"\1", _COMMA.sub(r"\1", bare))
    pieces = bare.split('""')
    return "".join(
        piece + (strings[number] if number < len(strings) else "") for number, piece in enumerate(pieces)
    )


def _with_values(node: Any, kept: list[str], escape: Escape) -> Any:
    if isinstance(node, dict):
        return {_filled(key, kept, str): _with_values(value, kept, escape) for key, value in node.items()}
    if isinstance(node, list):
        return [_with_values(each, kept, escape) for each in node]
    if not isinstance(node, str):
        return node
    if alone := _ALONE.fullmatch(node):
        value = kept[int(alone[1])]
        return json.loads(value) if _NUMBER.fullmatch(value) else escape(value)
    return _filled(node, kept, escape)


def _filled(text: str, kept: list[str], escape: Escape) -> str:
    return _MARK.sub(lambda mark: escape(kept[int(mark[1])]), text.replace(_BARE, ""))

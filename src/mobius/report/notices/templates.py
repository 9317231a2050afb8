"""Text with variables in it: `{{x}}`, `{{ X }}`, `{x}`, `${X}`, Mustache sections, and the guide's bare words.

A template says where values stand; what a value says is data, and never read as a template again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from mobius.report.notices.variables import BARE, NOT_KNOWN, canonical

LARGEST = 200_000  # characters of a template
DEEPEST = 20

_NAME = r"[A-Za-z_][A-Za-z0-9_.\-]{0,79}"
_TAG = re.compile(
    rf"""\{{\{{\{{\s*(?P<triple>{_NAME}|\.)\s*\}}\}}\}}
      |\{{\{{\s*!(?P<comment>.*?)\}}\}}
      |\{{\{{\s*(?P<sigil>[#^/])\s*(?P<section>{_NAME})\s*\}}\}}
      |\{{\{{\s*&?\s*(?P<double>{_NAME}|\.)\s*\}}\}}
      |\$\{{(?P<shell>[A-Za-z_][A-Za-z0-9_]*)\}}
      |(?<![\{{$])\{{(?P<single>[A-Za-z_][A-Za-z0-9_]*)\}}(?!\}})
      |(?<![A-Za-z0-9_])(?P<bare>{"|".join(map(re.escape, BARE))})(?![A-Za-z0-9_])
      |(?P<left>\{{\{{[^"{{}}\n]{{0,60}}\}}\}}|\{{\{{)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Hole:
    """Where a value stands. `name`: the variable, "." for the item of a section, "" for one that nobody knows."""

    written: str
    name: str


@dataclass(frozen=True, slots=True)
class Part:
    """A section: `body` for each item of a list, once for what is there; `inverted`: for what is not."""

    name: str
    inverted: bool
    body: tuple[Piece, ...]


Piece: TypeAlias = "str | Hole | Part"
Values = Mapping[str, Any]
Put = Callable[[Hole, str], str]


@dataclass(frozen=True, slots=True)
class Wrong:
    """A mistake in a template, with its line."""

    line: int
    words: str


def parse(text: str) -> tuple[tuple[Piece, ...], tuple[Wrong, ...]]:
    """The pieces, and every mistake. What is wrong is still there, as a hole that nobody can fill."""
    wrong: list[Wrong] = []
    if len(text) > LARGEST:
        return (), (Wrong(1, f"longer than {LARGEST:,} characters"),)
    stack: list[tuple[str, bool, int, list[Piece]]] = [("", False, 1, [])]
    end = 0
    for tag in _TAG.finditer(text):
        pieces, line = stack[-1][3], text.count("\n", 0, tag.start()) + 1
        if tag.start() > end:
            pieces.append(text[end : tag.start()])
        end = tag.end()
        if tag["comment"] is not None:
            continue
        if tag["section"] is not None:
            _section(tag["sigil"], tag["section"], line, stack, wrong)
        else:
            pieces.append(_hole(tag, line, inside=len(stack) > 1, wrong=wrong))
    stack[-1][3].append(text[end:])
    while len(stack) > 1:
        name, inverted, line, pieces = stack.pop()
        wrong.append(Wrong(line, f"the section {{{{#{name}}}}} is never closed"))
        stack[-1][3].append(Part(canonical(name) or "", inverted, tuple(pieces)))
    return tuple(piece for piece in stack[0][3] if piece != ""), tuple(wrong)


def _section(
    sigil: str, written: str, line: int, stack: list[tuple[str, bool, int, list[Piece]]], wrong: list[Wrong]
) -> None:
    if sigil == "/":
        if len(stack) == 1 or stack[-1][0] != written:
            wrong.append(Wrong(line, f"{{{{/{written}}}}} closes a section that is not open"))
            return
        name, inverted, _, pieces = stack.pop()
        stack[-1][3].append(Part(canonical(name) or "", inverted, tuple(pieces)))
        return
    if canonical(written) is None:
        wrong.append(Wrong(line, f'no variable "{written}"'))
    if len(stack) > DEEPEST:
        wrong.append(Wrong(line, f"sections deeper than {DEEPEST}"))
        return
    stack.append((written, sigil == "^", line, []))


def _hole(tag: re.Match[str], line: int, *, inside: bool, wrong: list[Wrong]) -> Piece:
    written = next((tag[each] for each in ("triple", "double", "shell", "single") if tag[each]), "")
    if tag["bare"]:
        return Hole(tag["bare"], BARE[tag["bare"]])
    if tag["left"]:
        wrong.append(Wrong(line, f"{tag['left'][:70]!r} is no variable: write {{{{name}}}}"))
        return Hole(tag["left"].strip("{} \n")[:60], "")
    if written == ".":
        if not inside:
            wrong.append(Wrong(line, "{{.}} stands outside of a section"))
        return Hole(".", ".")
    name = canonical(written)
    if name is None:
        wrong.append(Wrong(line, f'no variable "{written}"'))
    return Hole(written, name or "")


def render(pieces: Sequence[Piece], values: Values, put: Put = lambda _, value: value) -> str:
    """The text; each value passes through `put`, which writes it as its place needs. Nothing is left unreplaced."""
    return "".join(_rendered(pieces, values, put, None))


def _rendered(pieces: Sequence[Piece], values: Values, put: Put, item: str | None) -> Iterator[str]:
    for piece in pieces:
        if isinstance(piece, str):
            yield piece
        elif isinstance(piece, Hole):
            yield put(piece, value_of(piece, values, item))
        else:
            yield from _part(piece, values, put, item)


def _part(part: Part, values: Values, put: Put, item: str | None) -> Iterator[str]:
    value = values.get(part.name)
    if part.inverted:
        yield from () if is_there(value) else _rendered(part.body, values, put, item)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _rendered(part.body, values, put, str(each))
    elif is_there(value):
        yield from _rendered(part.body, values, put, as_text(value))


def value_of(hole: Hole, values: Values, item: str | None = None) -> str:
    """What stands there: the value, `n/a` where this message has none, and for a name that nobody knows, that."""
    if hole.name == ".":
        return NOT_KNOWN if item is None else item
    if not hole.name:
        return f"[no variable {re.sub(r'[^A-Za-z0-9_. -]', '', hole.written)[:60]}]"
    value = values.get(hole.name)
    return as_text(value) if is_there(value) or value is False or value == 0 else NOT_KNOWN


def is_there(value: Any) -> bool:
    """Whether a section about it is shown."""
    return value not in (None, "", 0, False, (), []) and str(value).lower() not in ("false", "no", "none")


def as_text(value: Any) -> str:
    """A value as people read it."""
    if isinstance(value, (list, tuple)):
        return "\n".join(str(each) for each in value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)

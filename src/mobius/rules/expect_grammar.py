"""How an expectation is written: subject, operator, value, read from left to right with exact positions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from mobius.errors import ConfigurationError

SubjectKind = Literal["status", "ms", "tls.days", "body", "header", "json"]
Operator = Literal["==", "!=", "<=", ">=", "<", ">", "~", "contains", "in"]
Scalar = str | float | bool | None

LONGEST = 4096
OPERATORS: Final[tuple[Operator, ...]] = ("==", "!=", "<=", ">=", "<", ">", "~", "contains", "in")
SUBJECTS: Final = "status, ms, tls.days, body, header.NAME, json.PATH"

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_HEADER = re.compile(r"[A-Za-z0-9_-]+")
_INDEX = re.compile(r"\[(-?[0-9]{1,9})\]")
_NUMBER = re.compile(r"-?[0-9]{1,300}(?:\.[0-9]{1,300})?(?:[eE][+-]?[0-9]{1,2})?(?![0-9A-Za-z_])")
_RANGE = re.compile(
    r"(-?[0-9]{1,15}(?:\.[0-9]{1,15})?)\.\.(-?[0-9]{1,15}(?:\.[0-9]{1,15})?)(?![0-9A-Za-z_.])"
)
_ESCAPES = {'"': '"', "\\": "\\", "n": "\n", "t": "\t", "r": "\r"}


@dataclass(frozen=True, slots=True)
class Subject:
    """What is looked at. `path`: the keys and indexes into the JSON, or the header's name in lower case."""

    kind: SubjectKind
    path: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class Range:
    """Both ends belong to it."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Expectation:
    """One line of `expect`, understood; `text` as it was written."""

    text: str
    subject: Subject
    operator: Operator
    value: Scalar | Range | tuple[Scalar, ...]


class Scanner:
    """Reads an expression once; every method raises ConfigurationError where it finds something else."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.position = 0
        if len(text) > LONGEST:
            raise self.mistake(LONGEST, f"longer than {LONGEST} characters")

    def mistake(self, at: int, expected: str) -> ConfigurationError:
        """An error that shows the expression with a mark under the place."""
        shown = self._text if len(self._text) <= 100 else self._text[max(0, at - 50) : at + 50]
        mark = at if shown is self._text else at - max(0, at - 50)
        line = "".join(c if c.isprintable() else "?" for c in shown)
        return ConfigurationError(
            f"expectation is wrong at character {at + 1}: {expected}",
            'an expectation is SUBJECT OPERATOR VALUE, for example: json.status == "OK"\n'
            f"subjects: {SUBJECTS}\noperators: {' '.join(OPERATORS)}",
            details=(line, " " * mark + "^"),
        )

    def subject(self) -> Subject:
        """What stands left of the operator."""
        self._skip_blanks()
        at = self.position
        word = self._match(_WORD)
        if word in ("status", "ms", "body"):
            return Subject(word)  # type: ignore[arg-type]
        if word == "tls" and self._take(".days"):
            return Subject("tls.days")
        if word == "header" and self._take("."):
            name = self._match(_HEADER)
            if not name:
                raise self.mistake(self.position, "expected the name of a header")
            return Subject("header", (name.lower(),))
        if word == "json":
            return Subject("json", self._path())
        raise self.mistake(at, f"expected one of {SUBJECTS}")

    def path(self) -> tuple[str | int, ...]:
        """Keys and indexes, the first key with or without its dot: `items[0].id`."""
        if not self._text.startswith((".", "[")):
            self._text = f".{self._text}"
        return self._path()

    def operator(self) -> Operator:
        """The operator, and the blanks after it."""
        self._skip_blanks()
        for operator in OPERATORS:
            if self._text.startswith(operator, self.position):
                self.position += len(operator)
                if operator.isalpha() and self._match(_WORD):
                    break
                self._skip_blanks()
                return operator
        raise self.mistake(self.position, f"expected one of {' '.join(OPERATORS)}")

    def value(self) -> Scalar | Range | tuple[Scalar, ...]:
        """What stands right of the operator."""
        if match := _RANGE.match(self._text, self.position):
            low, high = float(match[1]), float(match[2])
            if low > high:
                raise self.mistake(self.position, "a range goes from the smaller to the larger number")
            self.position = match.end()
            return Range(low, high)
        return self._list() if self._take("[") else self._scalar()

    def end(self) -> None:
        """Nothing may follow."""
        self._skip_blanks()
        if self.position < len(self._text):
            raise self.mistake(
                self.position, "expected the end: one comparison each, further ones on their own"
            )

    def _path(self) -> tuple[str | int, ...]:
        path: list[str | int] = []
        while True:
            if self._take("."):
                key = self._match(_WORD) or self._match(re.compile(r"[0-9]+"))
                if not key:
                    raise self.mistake(self.position, 'expected a key; write an odd one as ["the key"]')
                path.append(key)
            elif match := _INDEX.match(self._text, self.position):
                path.append(int(match[1]))
                self.position = match.end()
            elif self._take('["'):
                path.append(self._string())
                if not self._take("]"):
                    raise self.mistake(self.position, "expected ]")
            elif self._text.startswith("[", self.position):
                raise self.mistake(self.position + 1, 'expected an index or a key in quotes: [0] or ["key"]')
            else:
                return tuple(path)

    def _list(self) -> tuple[Scalar, ...]:
        values: list[Scalar] = []
        while True:
            self._skip_blanks()
            values.append(self._scalar())
            self._skip_blanks()
            if self._take("]"):
                return tuple(values)
            if not self._take(","):
                raise self.mistake(self.position, "expected , or ]")

    def _scalar(self) -> Scalar:
        if self._take('"'):
            return self._string()
        if number := self._match(_NUMBER):
            return float(number) if any(c in number for c in ".eE") else int(number)
        at = self.position
        word = self._match(_WORD)
        if word in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[word]
        raise self.mistake(at, 'expected a number, a text in "quotes", true, false or null')

    def _string(self) -> str:
        """After the opening quote. A backslash stays before all but " \\ n t r, for regular expressions."""
        opened = self.position - 1
        out: list[str] = []
        while self.position < len(self._text):
            char = self._text[self.position]
            self.position += 1
            if char == '"':
                return "".join(out)
            if char == "\\" and self.position < len(self._text):
                after = self._text[self.position]
                self.position += 1
                char = _ESCAPES.get(after, f"\\{after}")
            out.append(char)
        raise self.mistake(opened, "this quote is never closed")

    def _skip_blanks(self) -> None:
        while self.position < len(self._text) and self._text[self.position].isspace():
            self.position += 1

    def _take(self, literal: str) -> bool:
        if not self._text.startswith(literal, self.position):
            return False
        self.position += len(literal)
        return True

    def _match(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self.position)
        if not match:
            return ""
        self.position = match.end()
        return match[0]

"""The kinds of value that are made of other kinds, or have a form of their own."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import urlsplit

from mobius.config.kinds import Kind, Text, WrongError


@dataclass(frozen=True, slots=True)
class OrOff:
    """Another kind, or a word ("off"), which is read as None."""

    kind: Kind
    word: str = "off"

    @property
    def words(self) -> str:
        return f'{self.kind.words}, or "{self.word}"'

    def read(self, raw: object) -> Any:
        return None if raw == self.word else self.kind.read(raw)

    def read_text(self, text: str) -> Any:
        return None if text == self.word else self.kind.read_text(text)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self.kind.schema(), {"const": self.word}]}


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of one kind, read as a tuple."""

    kind: Kind
    words: str
    least: int = 0

    def read(self, raw: object) -> tuple[Any, ...]:
        if not isinstance(raw, (list, tuple)) or len(raw) < self.least:
            raise WrongError
        return tuple(_part(self.kind, item, f"[{number}]") for number, item in enumerate(raw, start=1))

    def read_text(self, text: str) -> tuple[Any, ...]:
        return self.read([part.strip() for part in text.split(",") if part.strip()])

    def schema(self) -> dict[str, Any]:
        least = {"minItems": self.least} if self.least else {}
        return {"type": "array", "items": self.kind.schema(), **least}


@dataclass(frozen=True, slots=True)
class MapOf:
    """A table of free names with values of one kind."""

    names: str
    kind: Kind
    words: str

    def read(self, raw: object) -> dict[str, Any]:
        if not isinstance(raw, dict):
            raise WrongError
        for name in raw:
            if not re.fullmatch(self.names, name):
                raise WrongError(f"{self.words}; {json.dumps(name)[:60]} is no name for it")
        return {name: _part(self.kind, value, f".{name}") for name, value in raw.items()}

    def read_text(self, text: str) -> dict[str, Any]:
        raise WrongError

    def schema(self) -> dict[str, Any]:
        allowed = {f"^({self.names})$": self.kind.schema()}
        return {"type": "object", "patternProperties": allowed, "additionalProperties": False}


@dataclass(frozen=True, slots=True)
class Inside:
    """A relative path that stays in its folder on every system. `here`: it may be the folder itself, "."."""

    words: str = 'a path inside the folder: relative, with "/", without ".."'
    here: bool = False

    def read(self, raw: object) -> str:
        text = Text(self.words).read(raw)
        # Both flavours are asked, so that a file written on one system means the same on another.
        if PurePosixPath(text).is_absolute() or PureWindowsPath(text).anchor or text.startswith("~"):
            raise WrongError
        if ".." in PurePosixPath(text).parts or "\\" in text:
            raise WrongError
        if PurePosixPath(text) == PurePosixPath(".") and not self.here:
            raise WrongError
        return text

    def read_text(self, text: str) -> str:
        return self.read(text)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "pattern": r"^(?![/~]|[A-Za-z]:)(?!(.*/)?\.\.(/|$))[^\\]+$"}


@dataclass(frozen=True, slots=True)
class Url:
    """An http or https address of a service, without a user, a query or a slash at the end."""

    words: str = 'an address such as "http://127.0.0.1:5001" or "https://example.org", without user or query'

    def read(self, raw: object) -> str:
        text = Text(self.words).read(raw)
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            raise WrongError from None
        if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[\s\\<>\"]", text):
            raise WrongError
        if "@" in parts.netloc or parts.query or parts.fragment or port == 0 or parts.netloc.endswith(":"):
            raise WrongError
        return text.rstrip("/")

    def read_text(self, text: str) -> str:
        return self.read(text)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^https?://[^\s/@?#]+(/[^\s?#]*)?$"}


@dataclass(frozen=True, slots=True)
class Json:
    """Any JSON value, kept as its text."""

    words: str = "a table or list that JSON can hold"

    def read(self, raw: object) -> str:
        try:
            return json.dumps(raw, allow_nan=False, ensure_ascii=False)
        except (TypeError, ValueError, RecursionError):
            raise WrongError from None

    def read_text(self, text: str) -> str:
        raise WrongError

    def schema(self) -> dict[str, Any]:
        return {}


def _part(kind: Kind, raw: object, inside: str) -> Any:
    """A part of a list or map; what is wrong says which part it is in."""
    try:
        return kind.read(raw)
    except WrongError as wrong:
        innermost = wrong.raw if wrong.inside else raw
        raise WrongError(wrong.expected or kind.words, inside=inside + wrong.inside, raw=innermost) from None

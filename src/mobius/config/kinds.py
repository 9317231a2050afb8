"""The kinds of value a setting can have: how each is read, what is expected in words, and its JSON Schema."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Protocol

LONGEST_S = 366 * 86_400.0
LARGEST = 2**53  # what JSON readers hold exactly
_PART = r"(\d+(?:\.\d+)?)(ms|s|m|h|d)"
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_SIZES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


class WrongError(Exception):
    """Not of this kind: `expected` is in words; `inside` is the path of the part that is wrong, `raw`."""

    def __init__(self, expected: str = "", *, inside: str = "", raw: object = None) -> None:
        super().__init__(expected)
        self.expected = expected
        self.inside = inside
        self.raw = raw


class Kind(Protocol):
    """One kind of value. `read` takes what TOML or JSON gave, `read_text` what a variable or a flag gave."""

    @property
    def words(self) -> str:
        """What is expected, to stand after "expected"."""

    def read(self, raw: object) -> Any:
        """The value in the settings' units. Raises WrongError."""

    def read_text(self, text: str) -> Any:
        """The same from text. Raises WrongError."""

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of what `read` takes."""


@dataclass(frozen=True, slots=True)
class Text:
    """Text without control characters, of one line unless `lines`, matching `pattern` if there is one."""

    words: str = "text"
    pattern: str = ""
    empty: bool = False
    longest: int = 4096
    lines: bool = False

    def read(self, raw: object) -> str:
        if not isinstance(raw, str) or len(raw) > self.longest or not (raw or self.empty):
            raise WrongError
        # Lone surrogates come from variables that are not UTF-8; they cannot be printed or stored.
        allowed = "\t\r\n" if self.lines else ""
        if any(
            (ord(c) < 32 and c not in allowed) or ord(c) == 127 or 0xD800 <= ord(c) <= 0xDFFF for c in raw
        ):
            raise WrongError(f"{self.words}, without control characters")
        if self.pattern and not re.fullmatch(self.pattern, raw):
            raise WrongError
        return raw

    def read_text(self, text: str) -> str:
        return self.read(text)

    def schema(self) -> dict[str, Any]:
        pattern = {"pattern": f"^({self.pattern})$"} if self.pattern else {}
        return {"type": "string", **({} if self.empty else {"minLength": 1}), **pattern}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    options: tuple[str, ...]

    @property
    def words(self) -> str:
        return "one of " + ", ".join(f'"{option}"' for option in self.options)

    def read(self, raw: object) -> str:
        if not isinstance(raw, str) or raw not in self.options:
            raise WrongError
        return raw

    def read_text(self, text: str) -> str:
        return self.read(text)

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.options)}


@dataclass(frozen=True, slots=True)
class Flag:
    """Yes or no."""

    words: str = "true or false"

    def read(self, raw: object) -> bool:
        if not isinstance(raw, bool):
            raise WrongError
        return raw

    def read_text(self, text: str) -> bool:
        if text.lower() not in ("true", "false", "1", "0"):
            raise WrongError("true, false, 1 or 0")
        return text.lower() in ("true", "1")

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Number:
    """A finite number between two bounds, whole or not."""

    least: float = 0
    most: float = LARGEST
    whole: bool = False
    above_least: bool = False

    @property
    def words(self) -> str:
        noun = "a whole number" if self.whole else "a number"
        if self.least == -LARGEST and self.most == LARGEST:
            return noun
        if self.most == LARGEST:
            return (
                f"{noun} above {self.least:.10g}"
                if self.above_least
                else f"{noun}, {self.least:.10g} or more"
            )
        return f"{noun} from {self.least:.10g} to {self.most:.10g}"

    def read(self, raw: object) -> float | int:
        if (
            isinstance(raw, bool)
            or not isinstance(raw, (int, float))
            or (self.whole and isinstance(raw, float))
        ):
            raise WrongError
        if not self.least <= raw <= self.most or (self.above_least and raw == self.least):  # also refuses nan
            raise WrongError
        return raw if self.whole else float(raw)

    def read_text(self, text: str) -> float | int:
        if not re.fullmatch(r"-?[0-9]{1,15}" if self.whole else r"-?[0-9]{1,15}(\.[0-9]{1,15})?", text):
            raise WrongError
        return self.read(int(text) if self.whole else float(text))

    def schema(self) -> dict[str, Any]:
        least = "exclusiveMinimum" if self.above_least else "minimum"
        most = {} if self.most == LARGEST else {"maximum": self.most}
        return {"type": "integer" if self.whole else "number", least: self.least, **most}


@dataclass(frozen=True, slots=True)
class Duration:
    """Seconds, or text with units; read as seconds."""

    zero: bool = False

    @property
    def words(self) -> str:
        least = "" if self.zero else ", longer than 0"
        return f'a duration: seconds, or text such as "60m", "1h30m" or "500ms"{least}'

    def read(self, raw: object) -> float:
        if isinstance(raw, str) and len(raw) <= 64 and re.fullmatch(f"({_PART})+", raw, re.ASCII):
            seconds = sum(float(n) * _UNITS_S[u] for n, u in re.findall(_PART, raw))
        elif isinstance(raw, (int, float)) and not isinstance(raw, bool):
            if not 0 <= raw <= LONGEST_S:
                raise WrongError
            seconds = float(raw)
        else:
            raise WrongError
        if not math.isfinite(seconds) or seconds > LONGEST_S or (seconds == 0 and not self.zero):
            raise WrongError
        return round(seconds, 6)

    def read_text(self, text: str) -> float:
        if re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,15})?", text):
            return self.read(float(text))
        return self.read(text)

    def schema(self) -> dict[str, Any]:
        least = {"minimum": 0} if self.zero else {"exclusiveMinimum": 0}
        number = {"type": "number", **least, "maximum": LONGEST_S}
        return {"anyOf": [number, {"type": "string", "pattern": f"^({_PART})+$"}]}


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes, or text with a unit; read as bytes."""

    words: str = 'a size: bytes, or text such as "64KiB", "10MB" or "1GiB"'

    def read(self, raw: object) -> int:
        if isinstance(raw, str) and (match := re.fullmatch(r"([0-9]{1,12}) ?([KMG]?i?B)", raw)):
            raw = int(match[1]) * _SIZES.get(match[2], 0)
        if isinstance(raw, bool) or not isinstance(raw, int) or not 0 < raw <= LARGEST:
            raise WrongError
        return raw

    def read_text(self, text: str) -> int:
        return self.read(int(text) if re.fullmatch(r"[0-9]{1,15}", text) else text)

    def schema(self) -> dict[str, Any]:
        number = {"type": "integer", "minimum": 1, "maximum": LARGEST}
        return {"anyOf": [number, {"type": "string", "pattern": "^[0-9]{1,12} ?(B|[KMG]i?B)$"}]}

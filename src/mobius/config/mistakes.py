"""What is wrong with a configuration: collected one by one, raised all at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field

from mobius.config.showing import describe
from mobius.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: the file ("" for variables and flags), the path in it, the line if known."""

    path: str
    file: str = ""
    line: int | None = None

    def __str__(self) -> str:
        file = f"{self.file}: " if self.file and not self.file.endswith(".toml") else ""
        return f"{file}{self.path}" + (f" (line {self.line})" if self.line else "")


@dataclass(slots=True)
class Mistakes:
    """The mistakes found so far, each said once."""

    found: list[tuple[Place, str]] = field(default_factory=list)

    def add(self, place: Place, what: str) -> None:
        """Remember one mistake."""
        if (place, what) not in self.found:
            self.found.append((place, what))

    def wrong_value(self, place: Place, raw: object, expected: str) -> None:
        """Remember a value of the wrong kind. A value that looks secret is not repeated."""
        self.add(place, f"found {describe(place.path, raw)}, expected {expected}")

    def unknown_key(self, place: Place, key: str, known: Iterable[str]) -> None:
        """Remember a key that means nothing, with the one that was probably meant."""
        self.add(place, f"unknown key{did_you_mean(key, known)}")

    def raise_if_any(self, name: str) -> None:
        """Raise one ConfigurationError with every mistake, in the file's order; variables and flags last."""
        if not self.found:
            return
        ordered = sorted(self.found, key=lambda m: (not m[0].file, m[0].file, m[0].line or 0))
        subject = name if all(place.file == name for place, _ in ordered) else "the configuration"
        count = "1 mistake" if len(ordered) == 1 else f"{len(ordered)} mistakes"
        raise ConfigurationError(
            f"{subject} has {count}",
            "correct it, then try: mobius config check",
            details=tuple(f"{place}: {what}" for place, what in ordered),
        )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A suggestion to append, or nothing when no known word is near."""
    words = {each.lower(): each for each in known}
    near = difflib.get_close_matches(word.lower(), list(words), n=1, cutoff=0.6)
    near = near or [each for each in words if len(word) > 2 and each.startswith(word.lower())]
    return f'; did you mean "{words[near[0]]}"?' if near else ""

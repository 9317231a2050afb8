"""Finding mobius.toml and turning its bytes into a table, with a line number for each key."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mobius.errors import ConfigurationError

NAME = "mobius.toml"
LARGEST_BYTES = 1 << 20


def find(start: Path) -> Path:
    """The nearest mobius.toml in `start` or a folder above it. Raises ConfigurationError if there is none."""
    for folder in (start, *start.parents):
        if (folder / NAME).exists():
            return folder / NAME
    raise ConfigurationError(
        f"no {NAME} here or above {start}",
        "name the file with --config, or see what belongs in it: mobius config schema",
    )


def read_toml(file: Path) -> tuple[dict[str, Any], Mapping[str, int]]:
    """The table in the file, and the line of each path in it. Raises ConfigurationError."""
    text = read_text(file)
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            f"{file.name} is not valid TOML: {error}",
            f"correct that line of {file}, then try: mobius config check",
        ) from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; thousands of brackets
        raise ConfigurationError(
            f"{file.name} is not valid TOML: a number too long or brackets too deep",
            f"correct {file}, then try: mobius config check",
        ) from error
    return raw, lines_of(text)


def read_json(file: Path) -> Any:
    """The value in a JSON file; NaN and Infinity are refused. Raises ConfigurationError."""

    def refuse(word: str) -> Any:
        raise ValueError(f"{word} is not a number that can be compared")

    try:
        return json.loads(read_text(file), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{file.name} is not valid JSON: {error}", f"correct {file}") from error


def read_text(file: Path) -> str:
    """The text of a small UTF-8 file. Raises ConfigurationError for what is no such file."""
    try:
        if file.is_dir():
            raise ConfigurationError(f"{file} is a folder, not a file", f"try: --config {file / NAME}")
        if not file.exists():
            raise ConfigurationError(
                f"there is no file {file}", "check its name; mobius config schema says what it may hold"
            )
        if not file.is_file():  # a pipe would block for ever
            raise ConfigurationError(f"{file} is not a regular file", "name a file: --config FILE")
        with file.open("rb") as stream:
            content = stream.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(f"{file.name} cannot be read: {reason}", f"check {str(file)!r}") from error
    if len(content) > LARGEST_BYTES:
        raise ConfigurationError(
            f"{file.name} is larger than 1 MiB", "a configuration is a few kilobytes: is it this file?"
        )
    if content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise ConfigurationError(
            f"{file.name} starts with a byte order mark", 'save it as plain "UTF-8", without BOM'
        )
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigurationError(f"{file.name} is not UTF-8 (line {line})", "save it as UTF-8") from error


_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]#]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(
    r"\s*((?:[A-Za-z0-9_-]+|\"[^\"\\]*\"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|\"[^\"\\]*\"|'[^']*'))*)\s*="
)
_PART = re.compile(r"[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*'")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*', re.S
)


def lines_of(text: str) -> dict[str, int]:
    """The line of each key and header in valid TOML, by path; items of arrays of tables count from 1.

    A scan, not a second parser: a path it misses only lacks its line number in a message.
    """
    lines: dict[str, int] = {}
    counts: dict[str, int] = {}
    prefix, depth = "", 0
    # Strings over several lines are emptied first, so that their text is not taken for keys.
    plain = _STRING.sub(lambda m: m[0] if "\n" not in m[0] else "''" + "\n" * m[0].count("\n"), text)
    for number, line in enumerate(plain.split("\n"), start=1):
        if depth == 0 and (header := _HEADER.match(line)):
            prefix = _numbered(_dotted(header[2]), counts)
            if header[1] == "[[":
                bare = _dotted(header[2])
                counts[prefix_of(bare, counts)] = counts.get(prefix_of(bare, counts), 0) + 1
                prefix = _numbered(bare, counts)
            lines.setdefault(prefix, number)
            continue
        if depth == 0 and (key := _KEY.match(line)):
            lines.setdefault(f"{prefix}.{_dotted(key[1])}".lstrip("."), number)
        outside = _STRING.sub("", line)
        depth = max(0, depth + sum(outside.count(c) for c in "[{") - sum(outside.count(c) for c in "]}"))
    return lines


def prefix_of(bare: str, counts: Mapping[str, int]) -> str:
    """The path of an array of tables, with the numbers of the arrays around it but not its own."""
    head, _, last = bare.rpartition(".")
    return f"{_numbered(head, counts)}.{last}".lstrip(".")


def _numbered(bare: str, counts: Mapping[str, int]) -> str:
    path = ""
    for part in bare.split("."):
        path = f"{path}.{part}".lstrip(".")
        if path in counts:
            path = f"{path}[{counts[path]}]"
    return path


def _dotted(key: str) -> str:
    path = ""
    for part in _PART.findall(key):
        path = joined(path, part.strip("\"'"))
    return path


def joined(path: str, key: str) -> str:
    """The path of a key in the table at `path`; a key that needs quotes has them."""
    key = key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else repr(key)[:60]
    return f"{path}.{key}" if path else key

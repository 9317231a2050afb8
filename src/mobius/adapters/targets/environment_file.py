"""Environment files as shells and systemd write them: NAME=value lines, quotes and comments."""

from __future__ import annotations

import re
from pathlib import Path

from mobius.errors import ConfigurationError

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")


def read_environment_file(path: Path) -> dict[str, str]:
    """Names and values. Raises `ConfigurationError` naming the file and line, never the value."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError as problem:
        raise ConfigurationError(
            f"the environment file {path} does not exist", "create it, or remove env_file"
        ) from problem
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigurationError(
            f"the environment file {path} cannot be read: {type(problem).__name__}"
        ) from problem
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.fullmatch(stripped)
        if match is None:
            raise ConfigurationError(f"{path}, line {number}: not NAME=value", "write one NAME=value a line")
        found[match[1]] = _unquoted(match[2].strip())
    return found


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return value.split(" #", 1)[0].rstrip()

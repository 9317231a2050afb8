"""What a process finds in its environment, and environment files as shells and systemd write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from mobius.adapters.places import Places
from mobius.errors import ConfigurationError
from mobius.model.settings import ProcessSettings

_NAME = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=[ \t]*")
_BLANK = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
# A quoted value may run over lines, as keys and certificates do; what follows it is a comment or nothing.
_SINGLE = re.compile(r"'([^']*)'" + _BLANK.pattern)
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"' + _BLANK.pattern, re.DOTALL)
_PLAIN = re.compile(r"([^\n]*)(?:\n|\Z)")


def environment_of(
    process: ProcessSettings,
    environment: str,
    places: Places,
    environ: Mapping[str, str],
    *,
    env_file: Path | None = None,
) -> dict[str, str]:
    """What its settings give a process: ours, then its file, then `env`, then what is passed on. `env_file`: a copy
    to read instead of that file. Raises `ConfigurationError` for a file that cannot be read."""
    env = {
        "MOBIUS_ENVIRONMENT": environment,
        "MOBIUS_SHARED": str(places.shared),
        "PYTHONUNBUFFERED": "1",
    }
    if process.env_file:
        env.update(read_environment_file(env_file or places.resolve(process.env_file)))
    env.update(process.env)
    env.update({name: environ[name] for name in process.pass_env if name in environ})
    return env


def read_environment_file(path: Path) -> dict[str, str]:
    """Names and values; the last one of a name counts. Raises `ConfigurationError` naming the file and line,
    never the value."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as problem:
        raise ConfigurationError(
            f"the environment file {path} does not exist", "create it, or remove env_file"
        ) from problem
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigurationError(
            f"the environment file {path} cannot be read: {getattr(problem, 'strerror', None) or 'it is not UTF-8'}",
            "let this user read it, and save it as UTF-8",
        ) from problem
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        if blank := _BLANK.match(text, at):
            at = blank.end()
            continue
        name = _NAME.match(text, at)
        value, end = _value(text, name.end()) if name else ("", 0)
        if name is None or "\0" in value:
            line = text.count("\n", 0, at) + 1
            raise ConfigurationError(f"{path}, line {line}: not NAME=value", "write one NAME=value a line")
        found[name[1]] = value
        at = end
    return found


def _value(text: str, at: int) -> tuple[str, int]:
    """The value that begins here, and where the next line does."""
    if quoted := _SINGLE.match(text, at):
        return quoted[1], quoted.end()
    if quoted := _DOUBLE.match(text, at):
        return re.sub(r"\\([\"\\$`])", r"\1", quoted[1]), quoted.end()
    plain = _PLAIN.match(text, at)
    assert plain is not None  # it matches anything
    value = plain[1].strip()
    return ("" if value.startswith("#") else value.split(" #", 1)[0].rstrip()), plain.end()

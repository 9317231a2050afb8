"""Takes secrets out of what leaves the host: by value, in every spelling, and by form."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mobius.adapters.places import Places
from mobius.adapters.redaction import (
    ORDINARY,
    SECRET_NAME,
    SHORTEST,
    SHOWN,
    forms_of,
    passwords_in,
    secrets_in_words,
    secrets_of,
)
from mobius.adapters.targets.environment_file import read_environment_file
from mobius.errors import MobiusError
from mobius.model.settings import EnvironmentSettings, Settings
from mobius.rules.secret_patterns import without_patterns

KNOWN = "a known value"
# As base64 is written into mails, certificates and YAML; in JSON an end of line is two letters.
_LINE_END = re.compile(r"[ \t]*(?:\r?\n|(?:\\r)?\\n)[ \t]*")
_WRAPPED = re.compile(
    rf"(?<![A-Za-z0-9+/_-])(?:[A-Za-z0-9+/_-]{{4,}}{_LINE_END.pattern})+[A-Za-z0-9+/_=-]{{2,}}"
)
KEY_BYTES = 1 << 16
MORE_ENV_FILES = (".env", ".env.*", "*.env", "config/.env", "config/.env.*", "shared/.env")
NOT_FILLED_IN = (".example", ".sample", ".template", ".dist")
SECRET_FILES = ("key", "sign_key", "tls_key", "token_file", "url_file", "secret_file", "password_file")


@dataclass(frozen=True, slots=True)
class Scrubber:
    """`forms`: every spelling of every known secret, longest first."""

    forms: tuple[str, ...]

    def text(self, text: str) -> tuple[str, dict[str, int]]:
        """The text without secrets, and how often what was taken out."""
        found: dict[str, int] = {}
        for form in self.forms:
            if times := text.count(form):
                text, found[KNOWN] = text.replace(form, SHOWN), found.get(KNOWN, 0) + times
        text = _WRAPPED.sub(lambda block: self._unwrapped(block, found), text)
        text, by_form = without_patterns(text)
        return text, found | by_form

    def _unwrapped(self, block: re.Match[str], found: dict[str, int]) -> str:
        """A block of lines that are words alone: all of it goes where a secret runs over their ends."""
        joined = _LINE_END.sub("", block[0])
        if not any(form in joined for form in self.forms):
            return block[0]
        found[KNOWN] = found.get(KNOWN, 0) + 1
        return SHOWN

    def content(self, content: bytes) -> tuple[bytes, dict[str, int]]:
        """The same for the bytes of a text in any encoding that agrees with ASCII."""
        left, found = self.text(content.decode("utf-8", "surrogateescape"))
        return (left.encode("utf-8", "surrogateescape"), found) if found else (content, {})

    def value(self, value: Any) -> Any:
        """JSON data without secrets: in every string, keys too, so that it stays JSON."""
        if isinstance(value, str):
            return self.text(value)[0]
        if isinstance(value, Mapping):
            return {self.text(str(key))[0]: self.value(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(inner) for inner in value]
        return value


def scrubber(settings: Settings, environ: Mapping[str, str]) -> Scrubber:
    """With every secret that can be known: of all environments, of environment files wherever they lie, of settings
    whose name sounds secret, and of the files that settings name."""
    found: set[str] = set()
    for environment in settings.environments.values():
        places = Places(settings.project, environment.root, environment.release.link)
        found |= secrets_of(environment, places, environ)
        found |= set(_in_settings(dataclasses.asdict(environment), environ, ""))
        for file in environment_files(settings, environment):
            found |= _values_of(file)
        for credential in environment.systemd.credentials.values():
            found |= _content_of(Path(credential))
    found |= {password for value in found for password in passwords_in(value)}
    found |= {
        word
        for value in found
        for word in value.split()
        if SECRET_NAME.search(value) is None and len(word) >= 12
    }
    known = {value for value in found if len(value) >= SHORTEST} - ORDINARY - set(settings.environments)
    return Scrubber(tuple(sorted(forms_of(known) - {SHOWN}, key=lambda form: (-len(form), form))))


def environment_files(settings: Settings, environment: EnvironmentSettings) -> tuple[Path, ...]:
    """Files of variables: those that processes are given, and those that usually lie about. Examples are none."""
    places = Places(settings.project, environment.root, environment.release.link)
    named = [places.resolve(process.env_file) for process in environment.processes if process.env_file]
    about = [
        path
        for pattern in MORE_ENV_FILES
        for path in (*settings.project.glob(pattern), *environment.root.glob(pattern))
    ]
    return tuple(
        sorted({path for path in (*named, *about) if path.is_file() and path.suffix not in NOT_FILLED_IN})
    )


def _in_settings(value: Any, environ: Mapping[str, str], key: str) -> Iterator[str]:
    """Values under a name that sounds secret, of variables and of files that a setting names."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _in_settings(inner, environ, str(name))
    elif isinstance(value, list | tuple):
        yield from secrets_in_words([word for word in value if isinstance(word, str)])
        for inner in value:
            yield from _in_settings(inner, environ, key)
    elif isinstance(value, Path):
        if key in SECRET_FILES:
            yield from _content_of(value)
    elif isinstance(value, str) and value:
        if key.endswith("_env"):
            yield environ.get(value, "")
        elif key in SECRET_FILES:
            yield from _content_of(Path(value))
        elif SECRET_NAME.search(key):
            yield value
            yield value.rpartition(" ")[2]  # of "Bearer …"


def _values_of(file: Path) -> set[str]:
    """Of a file that cannot be read as variables, every line is one."""
    try:
        return {value for value in read_environment_file(file).values() if value}
    except (MobiusError, OSError):
        lines = (text for whole in _content_of(file) for text in whole.splitlines())
        return {line.partition("=")[2].strip().strip("\"'") or line.strip() for line in lines}


def _content_of(file: Path) -> set[str]:
    """What stands in a small file, "" left out; nothing where it cannot be read."""
    try:
        fd = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return set()
    with os.fdopen(fd, "rb") as opened:
        try:
            text = opened.read(KEY_BYTES).decode("utf-8", "surrogateescape").strip()
        except OSError:
            return set()
    return {text} if text else set()

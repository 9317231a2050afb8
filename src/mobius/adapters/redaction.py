"""Takes secrets out of text by their value: what came by environment must appear in no record."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote

from mobius.adapters.places import Places
from mobius.adapters.targets.environment_file import read_environment_file
from mobius.errors import MobiusError
from mobius.model.settings import EnvironmentSettings

SECRET_NAME = re.compile(r"PASS|SECRET|TOKEN|KEY|CREDENTIAL|WEBHOOK|DSN|PRIVATE|AUTH", re.IGNORECASE)
SHORTEST = 6  # a shorter value would take ordinary words with it
SHOWN = "«redacted»"


def redactor(secrets: Iterable[str]) -> Callable[[str], str]:
    """A function that replaces each secret, also as it stands in a URL, longest first."""
    values = {value for value in secrets if len(value) >= SHORTEST}
    values |= {quote(value, safe="") for value in values}
    if not values:
        return _as_it_is
    pattern = re.compile("|".join(re.escape(value) for value in sorted(values, key=len, reverse=True)))
    return lambda text: pattern.sub(SHOWN, text)


def secrets_of(settings: EnvironmentSettings, places: Places, environ: Mapping[str, str]) -> set[str]:
    """What the environment, environment files and `mobius.toml` give under a name that sounds secret, and every
    value that a process is handed by `pass_env` or an environment file."""
    found = {value for name, value in environ.items() if SECRET_NAME.search(name)}
    for process in settings.processes:
        found |= {environ[name] for name in process.pass_env if name in environ}
        found |= {value for name, value in process.env.items() if SECRET_NAME.search(name)}
        if process.env_file:
            try:
                found |= set(read_environment_file(places.resolve(process.env_file)).values())
            except MobiusError:
                continue  # it is told where the file is needed
    return found


def _as_it_is(text: str) -> str:
    return text

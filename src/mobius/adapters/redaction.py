"""Takes secrets out of text by their value: what came by environment must appear in no record."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import zip_longest
from urllib.parse import parse_qs, quote, quote_plus, unquote, urlsplit

from mobius.adapters.notifiers.secret import secrets_of_channels
from mobius.adapters.places import Places
from mobius.adapters.targets.environment_file import read_environment_file
from mobius.errors import MobiusError
from mobius.model.settings import EnvironmentSettings
from mobius.rules.secret_patterns import SHOWN as SHOWN
from mobius.rules.secret_patterns import without_sure_patterns

SECRET_NAME = re.compile(r"PASS|SECRET|TOKEN|KEY|CREDENTIAL|WEBHOOK|DSN|PRIVATE|AUTH", re.IGNORECASE)
SHORTEST = 6  # a shorter value would take ordinary words with it
CUT = "…"  # where words of others were too long
SHORTEST_CODED = 8  # bytes: in base64 a shorter one would take other things with it
_ESCAPE = re.compile("%[0-9A-F]{2}")
# NODE_ENV=production is handed to most services; taken out everywhere, no record could be read any more.
ORDINARY = frozenset(
    [
        "production",
        "postgres",
        "postgresql",
        "staging",
        "development",
        "testing",
        "localhost",
        "127.0.0.1",
        "0.0.0.0",
        "enabled",
        "disabled",
    ]
)


def redactor(secrets: Iterable[str]) -> Callable[[str], str]:
    """A function that replaces each secret, longest first: as it is, in a URL, in JSON, HTML or base64, and each line
    of one that has several, since logs are read line by line; and what is a secret for certain by its form."""
    values = sorted(forms_of(secrets) - {SHOWN}, key=len, reverse=True)
    return partial(_without, values)


def _without(values: Sequence[str], text: str) -> str:
    """One after the other: with many of them that is far quicker than one pattern of all."""
    for value in values:
        if value in text:
            text = text.replace(value, SHOWN)
    if text.endswith(CUT):
        text = _without_a_begun_one(values, text.removesuffix(CUT)) + CUT
    return without_sure_patterns(text)


def _without_a_begun_one(values: Sequence[str], text: str) -> str:
    """Of words that were cut to fit somewhere, the end may be the beginning of a secret."""
    for value in values:
        if value[:SHORTEST] in text[-len(value) :]:
            for length in range(min(len(value), len(text)) - 1, SHORTEST - 1, -1):
                if text.endswith(value[:length]):
                    return text[:-length] + SHOWN
    return text


def forms_of(secrets: Iterable[str]) -> set[str]:
    """Every way in which one of them may stand in a text, those too short to be told from ordinary words left out."""
    return {form for secret in secrets for form in _forms(secret) if len(form) >= SHORTEST}


def _forms(secret: str) -> Iterator[str]:
    for value in {secret, secret.strip(), *(line.strip() for line in secret.splitlines())}:
        if len(value) < SHORTEST:  # escaped, a short one would look long
            continue
        yield value
        raw = value.encode("utf-8", "surrogateescape")
        in_url = {quote(raw, safe=""), quote(raw), quote_plus(raw)}
        with suppress(UnicodeEncodeError):  # as older systems write it
            latin = value.encode("latin-1")
            in_url |= {quote(latin, safe=""), quote_plus(latin)}
            yield latin.decode("utf-8", "surrogateescape")
        in_url |= {_ESCAPE.sub(lambda found: found[0].lower(), one) for one in in_url}
        yield from in_url | {one.replace("%", "%25") for one in in_url}  # an address in an address
        in_json = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1]}
        yield from in_json | {json.dumps(one)[1:-1] for one in in_json}
        yield from {
            html.escape(value),
            html.escape(value).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
        }
        yield from _in_base64(raw)


def _in_base64(raw: bytes) -> Iterator[str]:
    """What of it stands in base64 whatever stands around it, for each of the three places it may begin at; and as
    hexadecimal digits."""
    if len(raw) < SHORTEST_CODED:
        return
    yield from (raw.hex(), raw.hex().upper())
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + raw).decode("ascii").rstrip("=")
        spoilt = 1 if (before + len(raw)) % 3 else 0  # the last character has bits of what follows
        inner = whole[(0, 2, 3)[before] : len(whole) - spoilt]
        yield from (inner, inner.replace("+", "-").replace("/", "_"))


def secrets_of(settings: EnvironmentSettings, places: Places, environ: Mapping[str, str]) -> set[str]:
    """What the environment, environment files and `mobius.toml` give under a name that sounds secret, and every
    value that a process is handed by `pass_env` or an environment file."""
    found = secrets_of_variables(environ)
    for process in settings.processes:
        found |= {environ[name] for name in process.pass_env if name in environ}
        found |= {value for name, value in process.env.items() if SECRET_NAME.search(name)}
        if process.env_file:
            try:
                found |= set(read_environment_file(places.resolve(process.env_file)).values())
            except MobiusError:
                continue  # it is told where the file is needed
    found |= {environ[database.url_env] for database in settings.databases if database.url_env in environ}
    found |= secrets_of_channels(settings.notify.channels, environ)
    if settings.journal.url_env in environ:
        found.add(environ[settings.journal.url_env])
    if settings.serve.token_env in environ:
        found.add(environ[settings.serve.token_env])
    for signal in settings.signals:
        found |= {environ[signal.token_env]} if signal.token_env in environ else set()
        query = parse_qs(urlsplit(signal.url).query)
        found |= {value for name, values in query.items() if SECRET_NAME.search(name) for value in values}
    found |= {value for words in _command_lines(settings) for value in secrets_in_words(words)}
    found |= {password for value in found for password in passwords_in(value)}
    return found - ORDINARY - {settings.name}


def secrets_of_variables(environ: Mapping[str, str]) -> set[str]:
    """Values whose name sounds secret, and the password of every address, whatever its name."""
    found = {value for name, value in environ.items() if SECRET_NAME.search(name)}
    return (found | {one for value in environ.values() for one in passwords_in(value)}) - ORDINARY


def secrets_in_words(words: Sequence[str]) -> Iterator[str]:
    """Of a command line: what follows an option that sounds secret, or stands in it behind a "="."""
    for word, after in zip_longest(words, words[1:], fillvalue=""):
        option, _, value = word.partition("=")
        if option.startswith("-") and SECRET_NAME.search(option):
            yield value or ("" if after.startswith("-") else after)


def _command_lines(settings: EnvironmentSettings) -> Iterator[Sequence[str]]:
    """Every command line of the configuration."""
    yield from (process.start for process in settings.processes)
    yield from settings.release.build
    for asked in (settings.checks, settings.signals, settings.smoke):
        yield from (one.run for one in asked)
    command, migrations = settings.command, settings.migrations
    yield from (command.deploy, command.rollback, command.start, command.stop, command.version)
    if migrations is not None:
        yield from (migrations.program, migrations.up, migrations.down, migrations.pending)


def passwords_in(address: str) -> set[str]:
    """The passwords of an address such as `postgresql://ann:secret@host/app`, as they are and as they stand in it."""
    try:
        split = urlsplit(address)
        query = parse_qs(split.query) if split.scheme else {}
    except ValueError:
        return set()
    found = {split.password, unquote(split.password)} if split.scheme and split.password else set()
    return found | {value for name in ("password", "sslpassword") for value in query.get(name, ())}

"""Where a PostgreSQL database is, who asks there, and how: addresses, their secrets, connections."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from mobius.adapters.places import Places
from mobius.adapters.redaction import redactor
from mobius.adapters.targets.environment_file import read_environment_file
from mobius.errors import ConfigurationError, MobiusError
from mobius.model.settings import DatabaseSettings, EnvironmentSettings

if TYPE_CHECKING:
    import psycopg

CONNECT_TIMEOUT_S = 10
SECRETS = ("password", "sslpassword")
# What drivers of every language know of a URL; the rest are libpq's own.
_OF_A_URL = ("host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey")
_DRIVER = re.compile(r"^(postgres(?:ql)?)\+[a-z0-9_]+(?=://)")


@dataclass(frozen=True, slots=True)
class Address:
    """One database. `name` is its name in mobius.toml; `secrets` never leave this object but to the server."""

    name: str
    parameters: Mapping[str, str]  # libpq's, without secrets
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def database(self) -> str:
        """The name on the server."""
        return self.parameters["dbname"]

    def at(self, database: str) -> Address:
        """Another database of the same server."""
        return Address(self.name, {**self.parameters, "dbname": database}, self.secrets)

    def conninfo(self) -> str:
        """Fit for a command line: it holds no secret."""
        return str(driver().conninfo.make_conninfo("", **self.parameters))

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """What a child finds: the secrets, and messages in a language that we can read."""
        given = {**environ, "LC_ALL": "C", "PGAPPNAME": "mobius"}
        given |= {f"PG{name.upper()}": value for name, value in self.secrets.items()}
        return given

    def redact(self, text: str) -> str:
        """The text without the secrets, in whatever form they stand in it."""
        return redactor(self.secrets.values())(text)

    def __str__(self) -> str:
        host = self.parameters.get("host", "")
        port = f":{self.parameters['port']}" if "port" in self.parameters else ""
        return f"{self.database} on {host}{port}" if host else self.database


def driver() -> ModuleType:
    """psycopg. Raises `MobiusError` where it is not installed, with how to."""
    try:
        import psycopg
    except ImportError as problem:
        raise MobiusError(
            f"PostgreSQL cannot be spoken to: {problem}", "pip install 'mobius[postgres]'"
        ) from problem
    return psycopg


def address_of(
    database: DatabaseSettings, settings: EnvironmentSettings, places: Places, environ: Mapping[str, str]
) -> Address:
    """The address of the live database: `url`, or what `url_env` holds. Raises `ConfigurationError` where there is
    none, or more than one."""
    return parsed(database.name, named_address(database, settings, places, environ))


def named_address(
    database: DatabaseSettings, settings: EnvironmentSettings, places: Places, environ: Mapping[str, str]
) -> str:
    """As it is written down, with its password if it has one; raises as `address_of` does."""
    variable = database.url_env
    if not variable:
        return database.url
    if environ.get(variable):
        return environ[variable]
    found: dict[str, str] = {}
    for process in settings.processes:
        given = read_environment_file(places.resolve(process.env_file)) if process.env_file else {}
        value = {**given, **process.env}.get(variable)
        if value:
            found.setdefault(value, process.name)
    if not found:
        raise ConfigurationError(
            f"the address of the database {database.name} is not known: {variable} is set nowhere",
            f"give {variable} to mobius, or write it into the env_file of a process",
        )
    if len(found) > 1:
        named = " and ".join(found.values())
        raise ConfigurationError(
            f"the address of the database {database.name} is not clear: {variable} of {named} differ",
            f"give {variable} to mobius itself",
        )
    return next(iter(found))


def parsed(name: str, text: str) -> Address:
    """An address of libpq, or one of SQLAlchemy (`postgresql+asyncpg://`). Raises `ConfigurationError`, which never
    repeats what it could not read."""
    psycopg = driver()
    try:
        given = psycopg.conninfo.conninfo_to_dict(_DRIVER.sub(r"\1", text))
    except psycopg.ProgrammingError:
        # Its message quotes the text, and with it a password.
        raise ConfigurationError(
            f"the address of the database {name} cannot be read",
            'write it as "postgresql://user@host:5432/database"; in a password, write @ : / % as %40 %3A %2F %25',
        ) from None
    values = {key: str(value) for key, value in given.items() if value not in (None, "")}
    if "dbname" not in values:
        raise ConfigurationError(
            f"the address of the database {name} names no database",
            'end it with one: "postgresql://user@host:5432/database"',
        )
    secrets = {key: values.pop(key) for key in SECRETS if key in values}
    return Address(name, values, secrets)


def url_of(address: Address) -> str:
    """The whole address in one text, with its password: for a service, never for a log."""
    values = {key: value for key, value in address.parameters.items() if key in _OF_A_URL and value}
    user = quote(address.parameters.get("user", ""), safe="")
    password = quote(address.secrets.get("password", ""), safe="")
    who = f"{user}:{password}@" if password else f"{user}@" if user else ""
    more = urlencode(values, quote_via=quote, safe="/")
    return f"postgresql://{who}/{quote(address.database, safe='')}" + (f"?{more}" if more else "")


@contextlib.contextmanager
def connected(
    address: Address, doing: str, *, statement_timeout_s: float = 0.0
) -> Iterator[psycopg.Connection[Any]]:
    """A connection that commits each statement, closed at the end. What goes wrong inside is said in plain words that
    begin with `doing`, as `MobiusError`."""
    psycopg = driver()
    milliseconds = int(statement_timeout_s * 1000)
    with in_plain_words(address, doing):
        connection: Any = psycopg.connect(
            **{
                "connect_timeout": str(CONNECT_TIMEOUT_S),
                "application_name": "mobius",
                **address.parameters,
                **address.secrets,
            },
            autocommit=True,
        )
        try:
            # A service may have set a timeout for its role; ours is the one that is configured.
            connection.execute(f"SET statement_timeout = {milliseconds}")
            connection.execute("SET idle_in_transaction_session_timeout = 0")
            yield connection
        finally:
            connection.close()


@contextlib.contextmanager
def in_plain_words(address: Address, doing: str) -> Iterator[None]:
    """Says what the server or the way to it refused, and what to do; never a secret."""
    psycopg = driver()
    try:
        yield
    except psycopg.Error as error:
        text = address.redact(str(error).strip())
        raise MobiusError(f"{doing}: {first_line(text)}", _advice(error, text, address)) from None


def first_line(text: str) -> str:
    """The one that says it; libpq tells of every address it tried, PostgreSQL of the context."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0] if lines else "it gave no reason"


def _advice(error: Any, text: str, address: Address) -> str:
    psycopg = driver()
    user = address.parameters.get("user", "the user of the address")
    errors = psycopg.errors
    if isinstance(error, errors.QueryCanceled):
        return f"raise timeout of the database {address.name} in mobius.toml, or look for what holds it up"
    if isinstance(error, errors.InsufficientPrivilege) and ("create database" in text or "owner of" in text):
        return f"let {user} own the database, and make others: ALTER ROLE {user} CREATEDB;"
    if isinstance(error, errors.InsufficientPrivilege):
        return f"let {user} read everything: GRANT pg_read_all_data TO {user};"
    if isinstance(error, errors.DiskFull) or "No space left" in text:
        return "the server's disk is full: free some space there"
    if isinstance(error, errors.TooManyConnections) or "too many clients" in text:
        return "the server has no connection left: raise max_connections, or end some"
    if "authentication failed" in text or "no password supplied" in text:
        return f"check user and password in the address of {address.name}, or in the .pgpass file"
    if "pg_hba.conf" in text:
        return f"let {user} in from this machine, in pg_hba.conf of the server"
    if "does not exist" in text:
        return f"check the address of the database {address.name}"
    if error.sqlstate is None:
        return f"is the server up, and is the address right? pg_isready -d '{address.conninfo()}'"
    return ""

"""The line to PostgreSQL: one connection, what its errors mean to a person, and when to stop trying."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from typing import Any

from mobius.adapters.databases.postgres_address import Address, driver
from mobius.errors import MobiusError

CONNECT_S = 3
QUIET_S = 5.0  # after a server that could not be reached, nobody waits for it again for so long
BETWEEN_TRIES_S = 0.25
EMERGENCY = "`mobius rollback --emergency` works without the journal"
# A server that is gone without a word is noticed; an address may say otherwise.
NOTICED = {
    "connect_timeout": str(CONNECT_S),
    "application_name": "mobius journal",
    "keepalives_idle": "5",
    "keepalives_interval": "3",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}


class Lost(MobiusError):
    """The server cannot be reached, and nothing of the transaction was written: it may be done again."""


class Row:
    """One row: by column name, by place, or all values in order."""

    __slots__ = ("_places", "_values")

    def __init__(self, places: Mapping[str, int], values: Sequence[Any]) -> None:
        self._places, self._values = places, values

    def __getitem__(self, key: str | int) -> Any:
        return self._values[self._places[key] if isinstance(key, str) else key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)


def as_rows(cursor: Any) -> Any:
    """The row factory of psycopg that makes `Row`s."""
    places = {column.name: place for place, column in enumerate(cursor.description or ())}
    return lambda values: Row(places, values)


class Questions:
    """A connection as the journal's statements see it: `?` for values, enums by their value."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def execute(self, query: str, values: Sequence[Any] = ()) -> Any:
        """Runs one statement."""
        plain = [each.value if isinstance(each, Enum) else each for each in values]
        return self._connection.execute(query.replace("%", "%%").replace("?", "%s"), plain)


class Line:
    """Opens the connection when it is needed, and again when it was lost. For one thread at a time. `address` is asked
    then, and may raise `MobiusError` where there is none."""

    def __init__(self, address: Callable[[], Address]) -> None:
        self._address_of = address
        self._known: Address | None = None
        self._connection: Any = None
        self._quiet_until = 0.0
        self._why_quiet: MobiusError | None = None
        self.was_open = False

    @property
    def name(self) -> str:
        """For people, without secrets."""
        return f"the journal in {self._known}" if self._known else "the journal in PostgreSQL"

    def open(self, *, at_once: bool = False) -> Any:
        """A connection outside any transaction. Raises `Lost`; at once, for a while after it could not be had,
        unless `at_once`: then the server is asked."""
        if self._connection is not None and not self._connection.closed:
            return self._connection
        if self._why_quiet is not None and not at_once and time.monotonic() < self._quiet_until:
            raise self._why_quiet
        psycopg = driver()
        self._known = address = self._address_of()
        given = {**NOTICED, **address.parameters, **address.secrets}
        try:
            # Behind PgBouncer, two transactions in a row meet two servers: nothing may be prepared, or set for good.
            self._connection = psycopg.connect(
                **given, autocommit=True, prepare_threshold=None, row_factory=as_rows
            )
        except psycopg.OperationalError as error:
            self._why_quiet = self.explained(error)
            self._quiet_until = time.monotonic() + QUIET_S
            raise self._why_quiet from error
        except (UnicodeError, ValueError) as error:
            raise MobiusError(
                f"{self.name} has an address that names no server",
                "check the address in the variable of `url_env`",
            ) from error
        self._why_quiet, self.was_open = None, True
        return self._connection

    def close(self) -> None:
        """Lets go; the next one opens again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                connection.close()

    @contextmanager
    def transaction(self, kind: str) -> Iterator[Any]:
        """BEGIN … COMMIT, or ROLLBACK when anything before the COMMIT goes wrong. Raises what psycopg raises; one
        whose COMMIT was cut off raises `CutOff`."""
        psycopg = driver()
        connection = self.open()
        try:
            connection.execute(f"BEGIN {kind}")
            yield connection
        except BaseException:
            try:
                connection.execute("ROLLBACK")
            except psycopg.Error:
                self.close()
            raise
        try:
            connection.execute("COMMIT")
        except psycopg.Error as error:
            self.close()
            raise CutOff from error

    def is_lost(self, error: Exception) -> bool:
        """Whether it was the connection, or the server going down, and not what was asked."""
        psycopg = driver()
        state = getattr(error, "sqlstate", None) or ""
        if (
            isinstance(error, psycopg.InterfaceError) or state == "25P03"
        ):  # stopped in the middle, for too long
            return True
        return isinstance(error, psycopg.OperationalError) and (
            not state or (state[:2] in ("08", "57") and state != "57014")
        )

    def explained(self, error: Exception) -> MobiusError:
        """In words, with a next step."""
        state = getattr(error, "sqlstate", None) or ""
        said = " ".join(str(error).split())
        said = self._known.redact(said) if self._known else said
        refused = "password" in said or "authentication" in said or "pg_hba" in said
        if state[:2] == "28" or refused:
            return MobiusError(
                f"{self.name} lets nobody in with these credentials",
                f"check the address in the variable of `url_env`, and ~/.pgpass; {EMERGENCY}",
                details=(said,),
            )
        if self.is_lost(error):
            return Lost(
                f"{self.name} cannot be reached",
                f"see whether PostgreSQL runs there and the network is up; {EMERGENCY}",
                details=(said,),
            )
        if state == "42501":
            hint = "its user needs CREATE on the database the first time, and its own schema afterwards"
            return MobiusError(f"{self.name} cannot be written with this user", hint, details=(said,))
        if state in ("25006", "53100"):
            why = "its disk is full" if state == "53100" else "the server only reads (a standby?)"
            hint = f"free space there, or give the address of the primary server; {EMERGENCY}"
            return MobiusError(f"{self.name} cannot be written: {why}", hint, details=(said,))
        if state in ("55P03", "57014"):
            hint = "see who holds it (pg_stat_activity), then go on: mobius resume"
            return MobiusError(f"{self.name} is kept busy by another program", hint, details=(said,))
        return MobiusError(f"{self.name} failed", f"see the server's log; {EMERGENCY}", details=(said,))


class CutOff(Exception):
    """The connection was lost while COMMIT was on its way: whether it came, nobody has said."""

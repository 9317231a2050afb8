"""Puts a dumped PostgreSQL database in the place of the live one: restored beside it, then two renames at once."""

from __future__ import annotations

import contextlib
import enum
import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobius.adapters.databases.postgres_address import Address, connected, driver
from mobius.adapters.databases.postgres_facts import PostgresFacts, Properties, one, properties_of
from mobius.adapters.databases.postgres_making import Filler, create_database
from mobius.errors import MobiusError

if TYPE_CHECKING:
    import psycopg

LONGEST_NAME = 63  # bytes
EXCHANGE_S = 60.0
_MAINTENANCE = ("postgres", "template1")


class Exchange(enum.Enum):
    """Which of the two renames are done."""

    NONE = "nothing is renamed"
    HALF = "the old one is put aside, the new one is not in its place"
    BOTH = "the new one is live"
    STRANGE = "somebody else made a database meanwhile"


@dataclass(frozen=True, slots=True)
class Names:
    """Of the four databases that take part. `part` is being filled, `ready` is whole."""

    live: str
    part: str
    ready: str
    before: str

    @classmethod
    def of(cls, live: str, key: str) -> Names:
        key = key.replace("-", "_")  # so that a plain name needs no quotes where somebody types it
        return cls(live, *(_fitting(f"{live}_{word}_{key}") for word in ("part", "ready", "before")))


@dataclass(frozen=True, slots=True)
class Restorer:
    """Restores into the server of `address`."""

    address: Address
    environ: Mapping[str, str]
    jobs: int = 2
    timeout_s: float = 3600.0

    def restore(
        self, dump: Path, facts: PostgresFacts, *, key: str, progress: Callable[[str], None]
    ) -> Mapping[str, Any]:
        """The live database is the dumped one; the one before is kept as NAME_before_KEY. Repeating it with the same
        key after a kill at any point finishes what was begun, and no more.

        Owner, encoding, locale, grants and settings are those of the live database; of the dumped one where there is
        no live one. Raises `MobiusError` with the live database as it was, unless it says otherwise.
        """
        self.prepare(dump, facts, key=key, progress=progress)
        return self.exchange(key=key, progress=progress)

    def is_prepared(self, *, key: str) -> bool:
        """Whether nothing of the dump is needed any more."""
        names = Names.of(self.address.database, key)
        with self._maintenance() as db:
            return observed(db, names) is not Exchange.NONE or _is_there(db, names.ready)

    def prepare(self, dump: Path, facts: PostgresFacts, *, key: str, progress: Callable[[str], None]) -> None:
        """The first, long part: the dumped database lies restored and checked beside the live one, which serves on."""
        names = Names.of(self.address.database, key)
        with self._maintenance() as db:
            if observed(db, names) is Exchange.NONE:
                self._make_ready(db, names, dump, facts, progress)

    def exchange(self, *, key: str, progress: Callable[[str], None]) -> Mapping[str, Any]:
        """The second, short part. Its connections to the live database are ended, so the service must be stopped, or
        its requests held."""
        names = Names.of(self.address.database, key)
        with self._maintenance() as db:
            state = observed(db, names)
            if state is Exchange.STRANGE:
                raise MobiusError(
                    f"the database {names.live} was not restored: there are {names.before}, {names.live} and "
                    f"{names.ready}",
                    f"the first is the old one, the last the restored one: drop {names.live} if it is of no use, "
                    f"then try again",
                )
            if state is not Exchange.BOTH:
                if not _is_there(db, names.ready):
                    raise MobiusError(
                        f"the database {names.ready} is not there: nothing was exchanged", "try again"
                    )
                self._exchange(db, (names.live, names.before), (names.ready, names.live))
                progress(f"the database {names.live} is restored; the one before is kept as {names.before}")
        return {"database": names.live, "kept_as": names.before}

    def take_back(self, *, key: str) -> None:
        """The old database is live again, the restored one is gone; nothing was prepared or exchanged is a success."""
        names = Names.of(self.address.database, key)
        with self._maintenance() as db:
            if observed(db, names) is Exchange.BOTH:
                self._exchange(db, (names.live, names.ready), (names.before, names.live))
            elif observed(db, names) is Exchange.HALF:
                self._exchange(db, (names.before, names.live))
            _drop(db, names.part)
            _drop(db, names.ready)

    def _make_ready(
        self,
        db: psycopg.Connection[Any],
        names: Names,
        dump: Path,
        facts: PostgresFacts,
        progress: Callable[[str], None],
    ) -> None:
        if _is_there(db, names.ready):
            return
        like = properties_of(db, names.live) or _fitting_here(db, facts.properties)
        _drop(db, names.part)  # of a try that was killed
        create_database(db, names.part, like, exactly=True)
        progress(f"restoring the database {names.live} beside the live one")
        Filler(self.address.at(names.part), self.environ, self.jobs, self.timeout_s, exactly=True).fill(
            dump, facts
        )
        with connected(self.address.at(names.part), f"{names.part} could not be analyzed") as part:
            part.execute("ANALYZE")  # without it the first queries would be planned blindly
        if not _is_there(db, names.live):
            create_database(db, names.before, like, exactly=True)  # empty, as was what it stands for
        _rename_ready(db, names)

    def _exchange(self, db: psycopg.Connection[Any], *renames: tuple[str, str]) -> None:
        """In one transaction: nobody ever sees a server without a live database. New connections wait meanwhile, those
        that are there are ended."""
        errors = driver().errors
        until = time.monotonic() + EXCHANGE_S
        while True:
            try:
                with self._emptied(*(name for name, _ in renames)), db.transaction():
                    for name, to in renames:
                        if _is_there(db, name):
                            _rename(db, name, to)
                return
            except errors.ObjectInUse as problem:
                if time.monotonic() > until:
                    raise MobiusError(
                        f"the database {self.address.database} could not be put in its place: it is in use",
                        "stop what uses it (or end its prepared transactions: pg_prepared_xacts), then try again",
                        details=(str(problem).strip().splitlines()[-1],),
                    ) from None

    @contextlib.contextmanager
    def _emptied(self, *databases: str) -> Iterator[None]:
        """Ends connections to these, again and again: a rename waits for the last one, and lets no new one in."""
        done = threading.Event()

        def empty() -> None:
            with contextlib.suppress(MobiusError), self._maintenance() as db:
                while not done.wait(0.05):
                    end_connections(db, databases)

        ending = threading.Thread(target=empty, daemon=True)
        ending.start()
        try:
            yield
        finally:
            done.set()
            ending.join(10)

    @contextlib.contextmanager
    def _maintenance(self) -> Iterator[psycopg.Connection[Any]]:
        """Connected to a database that is not exchanged."""
        doing = f"the database {self.address.database} could not be restored"
        others = [name for name in _MAINTENANCE if name != self.address.database]
        with contextlib.ExitStack() as stack:
            try:
                db = stack.enter_context(connected(self.address.at(others[0]), doing))
            except MobiusError:
                db = stack.enter_context(connected(self.address.at(others[-1]), doing))
            yield db


def observed(db: psycopg.Connection[Any], names: Names) -> Exchange:
    """Which of the two renames are done; the names say it, and nothing else."""
    live, ready, before = (_is_there(db, name) for name in (names.live, names.ready, names.before))
    if before and live:
        return Exchange.STRANGE if ready else Exchange.BOTH
    if before and ready:
        return Exchange.HALF
    return Exchange.NONE


def may_restore(db: psycopg.Connection[Any]) -> str:
    """Why this user could not put another database in the place of the one connected to; "" where it could."""
    may = one(
        db,
        """SELECT rolsuper OR (rolcreatedb AND pg_has_role(datdba, 'MEMBER'))
           FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()""",
    )
    user = one(db, "SELECT current_user")
    return (
        "" if may else f"{user} could not restore it: it may not create databases, or does not own this one"
    )


def kept_from_before(db: psycopg.Connection[Any]) -> list[str]:
    """The databases that were live until a backup took the place of the one connected to."""
    query = "SELECT datname FROM pg_database WHERE starts_with(datname, current_database() || '_before_') ORDER BY 1"
    return [row[0] for row in db.execute(query).fetchall()]


def _rename_ready(db: psycopg.Connection[Any], names: Names) -> None:
    """Whatever looks into every database (a monitor) is ended with patience."""
    until = time.monotonic() + EXCHANGE_S
    while True:
        try:
            return _rename(db, names.part, names.ready)
        except driver().errors.ObjectInUse:
            if time.monotonic() > until:
                raise
            end_connections(db, [names.part])


def end_connections(db: psycopg.Connection[Any], databases: Sequence[str]) -> None:
    """Of everybody whom this user may end: an owner does not end a superuser, whose looking is over soon."""
    query = "SELECT pid FROM pg_stat_activity WHERE datname = ANY(%s)"
    end = f"SELECT pg_terminate_backend(pid) FROM ({query}) AS still WHERE pid = %s"
    for (pid,) in db.execute(query, [list(databases)]).fetchall():
        with contextlib.suppress(driver().errors.InsufficientPrivilege):
            db.execute(end, [list(databases), pid])


def _rename(db: psycopg.Connection[Any], name: str, to: str) -> None:
    sql = driver().sql
    db.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(name), sql.Identifier(to)))


def _drop(db: psycopg.Connection[Any], name: str) -> None:
    sql = driver().sql
    force = sql.SQL(" WITH (FORCE)" if db.info.server_version >= 130000 else "")
    db.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)) + force)


def _is_there(db: psycopg.Connection[Any], name: str) -> bool:
    return bool(one(db, "SELECT count(*) FROM pg_database WHERE datname = %s", name))


def _fitting_here(db: psycopg.Connection[Any], properties: Properties) -> Properties:
    """Of a database that is gone: where its owner is gone too, whoever restores owns it."""
    from dataclasses import replace

    if one(db, "SELECT count(*) FROM pg_roles WHERE rolname = %s", properties.owner):
        return properties
    return replace(properties, owner=one(db, "SELECT current_user"), acl=None, settings=())


def _fitting(name: str) -> str:
    """As long as PostgreSQL lets a name be; it would cut a longer one without a word."""
    if len(name.encode()) <= LONGEST_NAME:
        return name
    mark = hashlib.sha256(name.encode()).hexdigest()[:8]
    start = name.encode()[: LONGEST_NAME - len(mark) - 1].decode(errors="ignore")
    return f"{start}_{mark}"

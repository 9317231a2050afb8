"""Copies of restored databases for one boot, on the server that they are restored on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from mobius.adapters.databases.postgres_address import Address, connected, driver, url_of
from mobius.adapters.databases.postgres_facts import one
from mobius.adapters.rehearsal.asked import ScratchDatabase
from mobius.archive.durable import require_free_disk


def at_database(database: ScratchDatabase, name: str) -> ScratchDatabase:
    """Another database of the same server: a release gets a role of its own there, made by whoever owns the server."""
    address = database.address.at(name)  # type: ignore[attr-defined]
    return replace(database, address=address, url=url_of(address))  # type: ignore[type-var]


@contextmanager
def copied(
    databases: Mapping[str, ScratchDatabase], names: Collection[str], suffix: str
) -> Iterator[Mapping[str, ScratchDatabase]]:
    """`databases`, those of these names as copies by template that are gone at the end; what lies on a server that is
    not ours stays as it is, for no boot sees it. Raises `MobiusError` where a copy does not fit, or cannot be made."""
    with ExitStack() as stack:
        found = dict(databases)
        for name in names:
            database = databases[name]
            if database.socket is not None and getattr(database, "address", None) is not None:
                found[name] = stack.enter_context(_copy(database, f"_{suffix}"))
        yield found


@contextmanager
def _copy(database: ScratchDatabase, suffix: str) -> Iterator[ScratchDatabase]:
    original: Address = database.address  # type: ignore[attr-defined]
    sql = driver().sql
    name = f"{original.database[:40]}{suffix}"
    purpose = f"a copy of {original.name} for one more boot"
    with connected(original.at("postgres"), f"{purpose} could not be made") as db:
        size_bytes = int(one(db, "SELECT pg_database_size(%s)", original.database))
        assert database.socket is not None
        require_free_disk(database.socket.parent, size_bytes, purpose)
        words = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        db.execute(words.format(sql.Identifier(name), sql.Identifier(original.database)))
        try:
            yield at_database(database, name)
        finally:
            force = " WITH (FORCE)" if db.info.server_version >= 130_000 else ""
            db.execute(sql.SQL("DROP DATABASE IF EXISTS {}" + force).format(sql.Identifier(name)))

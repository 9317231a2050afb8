"""The databases of servers, for a release in a scratch place: restored from a backup, or empty; never the live ones."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from mobius.adapters.databases.captures import Dumps, member_of
from mobius.adapters.databases.postgres_address import Address, connected, driver, parsed, url_of
from mobius.adapters.databases.postgres_cluster import Cluster, require_programs
from mobius.adapters.databases.postgres_programs import newest_major
from mobius.adapters.databases.scratch_place import scratch_place
from mobius.adapters.rehearsal.addresses import addressed, user_of
from mobius.adapters.rehearsal.release_role import ROLE, url_for_release
from mobius.errors import MobiusError
from mobius.model.settings import DatabaseSettings, EnvironmentSettings, ProcessSettings


@dataclass(frozen=True, slots=True)
class Given:
    """The scratch databases of one environment. `urls`: by name, where a release finds each, with a password of its
    own; `sockets`: the folders that must be seen for that."""

    urls: Mapping[str, str] = field(default_factory=dict, repr=False)
    sockets: tuple[Path, ...] = ()


@contextmanager
def empty_databases(
    root: Path, databases: Sequence[DatabaseSettings], live: Mapping[str, str]
) -> Iterator[Given]:
    """Each of them empty, on one temporary server of this machine, with the name and the owner that the live one has.
    `root` is the environment's; `live`: by name, the live address, "" where it is not known. Raises `MobiusError` where
    no such server can be had."""
    if not databases:
        yield Given()
        return
    with scratch_place(root) as place:
        cluster = Cluster(place, newest_major("initdb"))
        cluster.make()
        with cluster.started() as postgres:
            made: dict[str, str] = {}
            names: set[str] = set()
            password = secrets.token_urlsafe(18)  # one for all: several may belong to one role
            for database in databases:
                address = live.get(database.name, "")
                name = _name_of(database, address)
                name = name if name not in names else f"{name[:50]}_{len(names)}"
                names.add(name)
                target = postgres.at(name)
                made[database.name] = url_of(
                    _make(replace(target, name=database.name), user_of(address), password)
                )
            yield Given(made, (place.socket,))


@contextmanager
def restored_databases(
    dumps: Dumps,
    databases: Sequence[DatabaseSettings],
    extracted: Path,
    live: Mapping[str, str],
    progress: Callable[[str], None],
) -> Iterator[Given]:
    """Each as the backup in `extracted` has it, on a temporary server of this machine. Raises `MobiusError`, and
    `BackupInvalid` where one is not in there whole."""
    with ExitStack() as stack:
        made: dict[str, str] = {}
        sockets: list[Path] = []
        for database in databases:
            dump = extracted / member_of(database.name)
            scratch = stack.enter_context(dumps.scratch(database.name, dump, progress))
            if scratch.socket is None:
                raise MobiusError(
                    f"the scratch copy of {database.name} is on another server, which is not reached from here",
                    "take scratch_url out: then it is a temporary one on this machine",
                )
            made[database.name] = url_for_release(scratch.address, user_of(live.get(database.name, "")))
            sockets.append(scratch.socket)
        yield Given(made, tuple(sockets))


def why_no_server(settings: EnvironmentSettings) -> str:
    """Why no scratch server can be started here; "" where one can, or none is needed."""
    if not settings.databases:
        return ""
    try:
        driver()
        require_programs(newest_major("initdb"))
    except MobiusError as problem:
        return f"{problem.message} ({problem.hint})"
    return ""


def moved_databases(
    settings: EnvironmentSettings,
    given: Given,
    environments: Mapping[str, Mapping[str, str]],
) -> EnvironmentSettings:
    """The settings with the scratch databases in the place of the live ones, also in what the processes find.
    `environments`: by process, all that it would find where it is live."""
    if not given.urls:
        return settings
    databases = tuple(
        replace(
            each,
            url=given.urls[each.name],
            url_env="",
            engine="dump",
            stanza="",
            scratch_url="",
            shared_with=(),
        )
        for each in settings.databases
    )
    processes = tuple(
        _moved(each, environments[each.name], settings.databases, given) for each in settings.processes
    )
    return replace(settings, databases=databases, processes=processes)


def _moved(
    process: ProcessSettings, own: Mapping[str, str], databases: Sequence[DatabaseSettings], given: Given
) -> ProcessSettings:
    """Also a variable that mobius.toml does not name, where it holds the same address as the one it does."""
    pairs = {
        each.name: (replace(each, url=own.get(each.url_env) or each.url), given.urls[each.name])
        for each in databases
    }
    there = addressed(own, pairs)
    changed = {name: value for name, value in there.items() if own.get(name) != value}
    gone = own.keys() - there.keys()
    kept = {name: value for name, value in process.env.items() if name not in gone}
    passed = tuple(name for name in process.pass_env if name not in changed and name not in gone)
    return replace(process, env={**kept, **changed}, pass_env=passed)


def _name_of(database: DatabaseSettings, address: str) -> str:
    """As it is called on the live server, where that is known."""
    found = parsed(database.name, address).parameters.get("dbname", "") if address else ""
    return found if found not in ("", "postgres", "template0", "template1") else database.name


def _make(target: Address, user: str, password: str) -> Address:
    """A new database of this name that the user owns, who may do nothing else."""
    sql = driver().sql
    is_free = user and user != target.parameters["user"] and not user.startswith("pg_")
    owner = user if is_free else ROLE
    role, database = sql.Identifier(owner), sql.Identifier(target.database)
    words = "{} ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD {}"
    with connected(target.at("postgres"), f"a scratch database for {target.name} could not be made") as db:
        there = db.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [owner]).fetchone()
        verb = sql.SQL("ALTER" if there else "CREATE")
        db.execute(sql.SQL(words).format(verb, role, sql.Literal(password)))
        db.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, role))
    where = {**target.parameters, "user": owner}
    return Address(target.name, where, {"password": password})

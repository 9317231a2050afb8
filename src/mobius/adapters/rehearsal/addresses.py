"""The variables by which a release finds its databases, leading to scratch databases instead of the live ones."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from urllib.parse import parse_qs, quote, unquote, urlsplit

from mobius.model.settings import DatabaseSettings

# libpq takes from these what an address leaves open; with a scratch database none of the live one may be left.
LIBPQ = (
    "PGHOST", "PGHOSTADDR", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSWORD", "PGPASSFILE", "PGSERVICE", "PGSERVICEFILE",
    "PGSSLCERT", "PGSSLKEY", "PGSSLROOTCERT", "PGTARGETSESSIONATTRS",
)  # fmt: skip
HARMLESS = ("PGOPTIONS", "PGAPPNAME", "PGCLIENTENCODING", "PGTZ", "PGDATESTYLE", "PGCONNECT_TIMEOUT")
# Of servers only: an address of SQLite is a file, which is either hidden or the scratch one.
_SERVER = re.compile(
    r"\s*(?:jdbc:)?(?:postgres|postgis|mysql|mariadb|percona|mongodb|redis|rediss|mssql|sqlserver|oracle|cockroach|"
    r"clickhouse|cassandra|timescale|redshift)[a-z0-9+_.-]*://", re.IGNORECASE,
)  # fmt: skip
_WORDS = re.compile(r"(?:^|\s)(?:host|hostaddr|service|servicefile|passfile)\s*=")  # of libpq
_ADDRESS = re.compile(r"(?!sqlite|file:)[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_DATABASE = re.compile(r"DSN$|DATABASE_?UR[IL]|(?:^|_)DB_?UR[IL]|CONNECTION_?STRING", re.IGNORECASE)
_NAMED = {
    "HOST": "host", "HOSTNAME": "host", "SERVER": "host", "PORT": "port", "USER": "user", "USERNAME": "user",
    "PASSWORD": "password", "PASS": "password", "NAME": "dbname", "DBNAME": "dbname", "DATABASE": "dbname",
    "DB": "dbname",
}  # fmt: skip
_PART = re.compile(rf"(\w+?)_?({'|'.join(sorted(_NAMED, key=len, reverse=True))})", re.IGNORECASE)
_SCHEME = re.compile(r"postgres(?:ql)?(?:\+[a-z0-9_]+)?(?=://)")


def addressed(
    env: Mapping[str, str], databases: Mapping[str, tuple[DatabaseSettings, str]]
) -> dict[str, str]:
    """`env` with every address of a live database replaced. `databases`: by name, its settings and the address of its
    scratch database (`postgresql://user:password@/name?host=FOLDER&port=5432`)."""
    changed = {name: value for name, value in env.items() if not databases or name not in LIBPQ}
    for settings, scratch in databases.values():
        changed |= in_parts(changed, env.get(settings.url_env) or settings.url, scratch)
        for name, value in env.items():
            if name == settings.url_env or (settings.url and same_database(value, settings.url)):
                changed[name] = in_form_of(value, scratch)
        if settings.url_env:
            changed.setdefault(settings.url_env, scratch)
    if databases:
        changed |= as_libpq(next(iter(databases.values()))[1])
    return changed


def in_parts(env: Mapping[str, str], live: str, scratch: str) -> dict[str, str]:
    """The variables that hold the parts of the live address one by one, such as DB_HOST, DB_NAME and DB_PASSWORD, with
    those of the scratch one: where host and name that begin alike are the live ones."""
    if not _SCHEME.match(live):
        return {}
    old, new = _parts(live), _parts(scratch)
    families: dict[str, dict[str, str]] = {}
    for name in env:
        if found := _PART.fullmatch(name):
            families.setdefault(found[1], {})[name] = _NAMED[found[2].upper()]
    changed: dict[str, str] = {}
    for names in families.values():
        is_live = {part: env[name] == old[part] for name, part in names.items() if part in ("host", "dbname")}
        if is_live == {"host": True, "dbname": True}:
            changed |= {name: new[part] for name, part in names.items()}
    return changed


def without_other_databases(
    env: Mapping[str, str], ours: Collection[str], named: Collection[str], *, files: bool
) -> dict[str, str]:
    """`env` without what leads to a database, but for the variables `ours`. `named`: those of which mobius.toml says
    so. `files`: what names a file, or SQLite, may stay, for a file is what is tried."""

    def leads(name: str, value: str) -> bool:
        if (
            (name.startswith("PG") and name not in HARMLESS)
            or name in named
            or _SERVER.match(value)
            or _WORDS.search(value)
        ):
            return True
        return bool(_DATABASE.search(name)) and not (files and not _ADDRESS.match(value))

    return {name: value for name, value in env.items() if name in ours or not leads(name, value)}


def in_form_of(value: str, scratch: str) -> str:
    """The scratch address as the live one is written: with its scheme (`postgresql+asyncpg://`), or as words."""
    scheme = _SCHEME.match(value)
    if scheme is not None:
        return _SCHEME.sub(scheme[0], scratch, count=1)
    if "=" not in value:
        return scratch
    parts = _parts(scratch)
    return " ".join(f"{name}={_quoted(parts[name])}" for name in parts if parts[name])


def same_database(value: str, live: str) -> bool:
    """Whether this value is an address of the same database: its host, port and name, whoever asks and how."""
    if not _SCHEME.match(value) or not _SCHEME.match(live):
        return value == live
    one, other = _parts(value), _parts(live)
    return all(one[name] == other[name] for name in ("host", "port", "dbname"))


def user_of(address: str) -> str:
    """Who asks by this address, "" where it does not say."""
    if _SCHEME.match(address):
        return _parts(address)["user"]
    found = re.search(r"(?:^|\s)user\s*=\s*'?([^\s']+)", address)
    return found[1] if found else ""


def as_libpq(scratch: str) -> dict[str, str]:
    """The same for a program that is given no address at all."""
    parts = _parts(scratch)
    names = {
        "PGHOST": "host",
        "PGPORT": "port",
        "PGUSER": "user",
        "PGPASSWORD": "password",
        "PGDATABASE": "dbname",
    }
    return {variable: parts[name] for variable, name in names.items() if parts[name]}


def _parts(address: str) -> dict[str, str]:
    split = urlsplit(_SCHEME.sub("postgresql", address))
    query = {name: values[-1] for name, values in parse_qs(split.query).items()}
    try:
        port = str(split.port or "")
    except ValueError:
        port = ""
    return {
        "host": unquote(split.hostname or "") or query.get("host", ""),
        "port": port or query.get("port", "5432"),
        "user": unquote(split.username or "") or query.get("user", ""),
        "password": unquote(split.password or "") or query.get("password", ""),
        "dbname": unquote(split.path.lstrip("/")) or query.get("dbname", ""),
    }


def _quoted(value: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9/._:+-]+", value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def scratch_url(folder: str, database: str, user: str = "", port: str = "5432") -> str:
    """The address of a database on the socket in this folder."""
    who = f"{quote(user, safe='')}@" if user else ""
    return f"postgresql://{who}/{quote(database, safe='')}?host={quote(folder, safe='/')}&port={port}"

"""What a repository says of the service in it: how it starts, where it listens, what it keeps. Pure."""

from __future__ import annotations

import re

from mobius.errors import UsageError
from mobius.model.project import Project, Repository, Started
from mobius.rules.looking_code import find_health, find_port, first_match, is_test, sources
from mobius.rules.looking_start import build_of, package_of, starts_of

DATABASE = re.compile(r"\.(db|sqlite|sqlite3)$")
NAMED_DATABASE = re.compile(
    r"""["'`=:/](?:\./)?((?:[\w-]{1,60}/){0,6}[\w-]{1,60}\.(?:db|sqlite|sqlite3))(?=["'`\s?]|$)""", re.M
)
POSTGRES = re.compile(r"\bpostgres(?:ql)?(?:\+\w+)?://", re.I)
CODE = re.compile(r"\.(m?[jt]sx?|cjs|py|rb|go|php|sql|prisma|html|css|sh)$")
DATA_FOLDERS = ("data", "uploads", "storage", "media")
# Folders of SQL that mobius applies: numbered, golang-migrate's and dbmate's; Flyway's; Prisma's.
SQL_FOLDERS = (
    re.compile(r"((?:.*/)?migrations)/[^/]+\.sql$"),
    re.compile(r"(.+)/V\d[\w.]*__[^/]+\.sql$"),
    re.compile(r"((?:.*/)?migrations)/[^/]+/migration\.sql$"),
)
NOT_LIVE = re.compile(r"(^|/)(tests?|spec|fixtures?|examples?|backups|node_modules|\.mobius)/")


def project_in(seen: Repository, *, service: str = "", start: tuple[str, ...] = (), port: int = 0) -> Project:
    """The service in the repository; what is given wins over what is seen.

    Raises UsageError where nothing says how it starts, or where the name cannot be a service's.
    """
    processes = (Started("web", "web", start, "the command line"),) if start else starts_of(seen)
    if not any(process.kind == "web" for process in processes):
        raise UsageError(
            f"nothing in {seen.folder} says how the service starts",
            "mobius init --start 'node server.js'",
        )
    found_port, port_why = (port, "the command line") if port else find_port(seen, processes)
    health, says, health_why = find_health(seen)
    named = _databases(seen)
    databases = tuple(path for path in named if _holds_data_only(seen, path.rpartition("/")[0]))
    beside_code = tuple(path for path in named if path not in databases)
    folders = _outermost({path.rpartition("/")[0] for path in databases} | _data_folders(seen))
    build, build_why = build_of(seen)
    migrations, migration_notes = _migrations(seen, databases)
    return Project(
        service=service_name(service) if service else _name_of(seen),
        processes=processes,
        port=found_port,
        port_why=port_why,
        health=health,
        health_why=health_why,
        health_says=says,
        build=build,
        build_why=build_why,
        databases=databases,
        folders=folders,
        env_file=".env" if ".env" in seen.files else "",
        migrations=migrations,
        source="git" if seen.is_git else ".",
        notes=(*_notes(seen, processes, health, folders, beside_code), *migration_notes),
    )


def service_name(wanted: str) -> str:
    """The name as mobius.toml takes it, made of what was given. Raises UsageError where nothing is left."""
    bare = wanted.rpartition("/")[2] if wanted.startswith("@") else wanted
    name = re.sub(r"[^a-z0-9_-]+", "-", bare.lower()).strip("-_")[:63].rstrip("-_")
    if not name:
        raise UsageError(
            f"{wanted!r} cannot be the name of a service", "add --service NAME: a-z, 0-9, - and _"
        )
    return name


def _name_of(seen: Repository) -> str:
    """From the manifest, else from the folder."""
    package = package_of(seen)
    in_pyproject = first_match(
        seen.texts.get("pyproject.toml", ""), r'(?m)^\[project\][^\[]*?^name\s*=\s*["\']([^"\']+)'
    )
    for candidate in (package.get("name"), in_pyproject, seen.folder):
        if isinstance(candidate, str) and re.search(r"[A-Za-z0-9]", candidate):
            return service_name(candidate)
    return service_name(seen.folder)


def _databases(seen: Repository) -> tuple[str, ...]:
    """SQLite files that are there, and those that the code or .env.example names."""
    found = {path for path in seen.files if DATABASE.search(path) and not NOT_LIVE.search(path)}
    for path, text in sources(seen):
        if not is_test(path):
            found |= {name for name in NAMED_DATABASE.findall(text) if not NOT_LIVE.search(name)}
    # One that is only named is not believed where the same name lies deeper: "app.db" beside "data/app.db".
    deeper = {path.rpartition("/")[2] for path in found if "/" in path}
    return tuple(sorted(path for path in found if "/" in path or path not in deeper))


def _data_folders(seen: Repository) -> set[str]:
    """Folders that are there by a name that data has; `media` only with Django, where it is one."""
    tops = {path.split("/")[0] for path in seen.files if "/" in path}
    wanted = DATA_FOLDERS if "manage.py" in seen.files else DATA_FOLDERS[:-1]
    return {name for name in wanted if name in tops and _holds_data_only(seen, name)}


def _holds_data_only(seen: Repository, folder: str) -> bool:
    """Whether the folder can outlive a release: one with code in it cannot, and the top never can."""
    inside = [path for path in seen.files if path.startswith(f"{folder}/")]
    return bool(folder) and not any(CODE.search(path) for path in inside)


def _outermost(folders: set[str]) -> tuple[str, ...]:
    return tuple(sorted(f for f in folders if not any(f.startswith(f"{other}/") for other in folders)))


def _migrations(seen: Repository, databases: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    found = {match[1] for path in seen.files for each in SQL_FOLDERS if (match := each.match(path))}
    folders = sorted(folder for folder in found if not NOT_LIVE.search(f"{folder}/"))
    for file, kind in (("manage.py", "django"), ("alembic.ini", "alembic")):
        if file in seen.files:
            return "", (f'{file} was found: add [migrations] with kind = "{kind}" and its database.',)
    if not folders:
        return "", ()
    if len(databases) == 1:
        return folders[0], ()
    there = "no SQLite database" if not databases else f"{len(databases)} SQLite databases"
    advice = f"{folders[0]} has migrations, but {there} was found: add [migrations] with its database."
    return "", (advice if not databases else advice.replace("was", "were"),)


def _notes(
    seen: Repository,
    processes: tuple[Started, ...],
    health: str,
    folders: tuple[str, ...],
    beside_code: tuple[str, ...],
) -> tuple[str, ...]:
    notes = []
    if not _reads_port(seen, processes):
        notes.append(
            "Nothing reads the variable PORT: two releases can run side by side only where each listens on its own."
        )
    if health == "/":
        notes.append('No health endpoint was found, so "/" is asked: give the service a GET /health.')
    if folders:
        notes.append(
            f"What is in {', '.join(folders)} now belongs into .mobius/production/shared/ before the first"
            " deployment, unless it is committed."
        )
    if beside_code:
        notes.append(
            f"{', '.join(beside_code)}: data beside the code does not outlive a release: move it into data/."
        )
    if any(POSTGRES.search(text) for path, text in seen.texts.items() if path.startswith(".env")):
        notes.append("A PostgreSQL database is named in .env*: this version does not back it up.")
    units = [path for path in seen.files if path.endswith(".service")]
    if units:
        notes.append(f"{units[0]} is a systemd unit: stop it where mobius is to hold the port.")
    if seen.inside:
        notes.append(
            f"This is the folder {seen.inside} of a larger repository: GitHub reads workflows only at its top, so move"
            " .github/workflows/premerge-validation.yml there, and let its steps begin with a cd."
        )
    if not seen.is_git:
        notes.append(
            "This is no git repository, so the folder itself is shipped: git init gives each release a tag."
        )
    return tuple(notes)


def _reads_port(seen: Repository, processes: tuple[Started, ...]) -> bool:
    if any("$PORT" in word or "gunicorn" in word for process in processes for word in process.start):
        return True
    return any(
        re.search(r"\bPORT\b|MOBIUS_SOCKET", text) for path, text in sources(seen) if not is_test(path)
    )

"""From `[migrations]` to the source of migrations that it names, and to the live database that they move."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, assert_never

from mobius.adapters.migrations.live import LiveMigrations
from mobius.adapters.migrations.source import MigrationSource, Target
from mobius.adapters.migrations.sql_source import SqlSource
from mobius.adapters.places import Places
from mobius.model.settings import DatabaseSettings, EnvironmentSettings, MigrationSettings

if TYPE_CHECKING:
    from mobius.adapters.migrations.runner_live import LiveRunner


def source_of(settings: MigrationSettings) -> MigrationSource:
    """By its kind."""
    match settings.kind:
        case "sql":
            return SqlSource()
        case "alembic":
            from mobius.adapters.migrations.alembic import PROGRAM as ALEMBIC
            from mobius.adapters.migrations.alembic import AlembicSource

            return AlembicSource(settings.program or ALEMBIC)
        case "django":
            from mobius.adapters.migrations.django import PROGRAM as DJANGO
            from mobius.adapters.migrations.django import DjangoSource

            return DjangoSource(settings.program or DJANGO)
        case "command":
            from mobius.adapters.migrations.command import CommandSource

            return CommandSource(settings.up, settings.down, settings.pending, settings.path)
        case other:
            assert_never(other)


def database_of(settings: EnvironmentSettings) -> DatabaseSettings | None:
    """The `[[database]]` that is migrated; None where it is an SQLite file."""
    named = settings.migrations.database if settings.migrations else None
    return next((database for database in settings.databases if database.name == named), None)


def live_target(settings: EnvironmentSettings, places: Places, environ: Mapping[str, str]) -> Target:
    """The live database. Raises ConfigurationError where its address is not known."""
    migrations = settings.migrations
    assert migrations is not None and migrations.database is not None
    database = database_of(settings)
    if database is None:
        return Target("sqlite", path=places.resolve(migrations.database))
    from mobius.adapters.databases.postgres_address import address_of

    return Target(
        "postgresql",
        address=address_of(database, settings, places, environ),
        lock_timeout_s=migrations.lock_timeout_s,
        retry_within_s=migrations.retry_within_s,
    )


def live_migrations(
    settings: EnvironmentSettings,
    places: Places,
    environ: Mapping[str, str],
    redact: Callable[[str], str] = str,
) -> LiveMigrations | None:
    """The port on the live database, which is asked nothing yet; None where nothing is migrated."""
    if settings.migrations is None or not settings.migrations.database:
        return None
    source, target = source_of(settings.migrations), partial(live_target, settings, places, environ)
    if not source.opaque:
        return LiveMigrations(source, target)
    runner = _live_runner(settings, places, environ, redact)
    return LiveMigrations(source, target, runner, runner.wait)


def _live_runner(
    settings: EnvironmentSettings, places: Places, environ: Mapping[str, str], redact: Callable[[str], str]
) -> LiveRunner:
    from mobius.adapters.migrations.runner_live import LiveRunner

    return LiveRunner(settings, places, environ, redact=redact)

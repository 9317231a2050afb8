"""What a trial of migrations hands on: what was seen, and copies of the migrated database for who starts on it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from mobius.adapters.migrations.source import Target
from mobius.model.trial import Trial

# Where tools write down what they applied: no data of the service's, and never compared.
RECORDS = frozenset(
    (
        "mobius_migrations",
        "flyway_schema_history",
        "schema_migrations",
        "_prisma_migrations",
        "alembic_version",
        "django_migrations",
        "knex_migrations",
        "knex_migrations_lock",
        "pgmigrations",
    )
)
SAME = "every value is the same"  # in the place of both checksums


@dataclass(frozen=True, slots=True)
class Tried:
    """`copy(name)`: a fresh copy of the migrated database while inside the `with`; `name` is one word of small letters,
    and nobody else's at the same time."""

    trial: Trial
    copy: Callable[[str], AbstractContextManager[Target]]

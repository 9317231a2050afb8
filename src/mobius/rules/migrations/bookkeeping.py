"""The tables in which migration tools keep which migrations ran: small, and written by the tool itself."""

from __future__ import annotations

_NAMES = """
    __diesel_schema_migrations __drizzle_migrations __efmigrationshistory _migrations _prisma_migrations
    _sqlx_migrations alembic_version ar_internal_metadata databasechangelog databasechangeloglock
    django_migrations flyway_schema_history goose_db_version gorp_migrations knex_migrations
    knex_migrations_lock migrations pgmigrations schema_info schema_migration schema_migrations
    schema_version sequelizemeta typeorm_metadata version_info
"""
_BOOKS = frozenset(_NAMES.split())


def keeps_the_books(table: str) -> bool:
    """Whether this is the table of a migration tool."""
    return table.lower() in _BOOKS

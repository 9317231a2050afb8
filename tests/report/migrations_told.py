"""A candidate with two migrations, as it is looked at and as it was rehearsed: for the tests of everything that tells
of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mobius.flows.migrate import judged
from mobius.model.impact import ConfigChange
from mobius.model.linting import Impact
from mobius.model.migrating import MigrationLook, PendingMigration, RestorePoint
from mobius.report.migrating import PLAN, REHEARSAL, migration_report
from mobius.rules.migrating import weigh

NOON = 1_780_000_000.0
SHA = "ab" * 32
ORDERS = PendingMigration(
    "002",
    "002_orders",
    "migrations/002_orders.sql",
    "11" * 32,
    "CREATE INDEX orders_user ON orders (user_id);\nALTER TABLE users ALTER COLUMN nick TYPE varchar(60);\n",
    has_down=True,
)
NICK = PendingMigration(
    "003", "003_nick", "migrations/003_nick.sql", "22" * 32, "ALTER TABLE users DROP COLUMN email;\n"
)
LOOK = MigrationLook(
    service="dhash",
    environment="production",
    tag="v2.1.0",
    release_id="v2.1.0-1a2b3c4d",
    commit="c0ffee" * 6,
    live_id="v2.0.0-9f8e7d6c",
    layout="numbered",
    path="migrations",
    database="app",
    dialect="postgresql",
    pending=(ORDERS, NICK),
    restore=RestorePoint("dhash_20260528_202640.zip", SHA, 3.2, NOON - 3600, NOON - 7200),
    rollback_within_s=600.0,
)
CONFIG = (
    ConfigChange(".env.example", "API_KEY", Impact.HIGH, "API_KEY is required and not set", "remove API_KEY"),
)
INDEX = "CREATE INDEX orders_user ON orders (user_id)"
FACTS: dict[str, Any] = {
    "backup": "dhash_20260528_202640.zip",
    "sha256": SHA,
    "release_id": "v2.0.0-9f8e7d6c",
    "restore_s": 2.4,
    "rto_s": 3.2,
    "failed": "",
    "migrations": ["002_orders", "003_nick"],
    "database": "postgresql",
    "version": "15.20",
    "opaque": False,
    "fast": False,
    "migrate_s": 4.1,
    "impact": "MEDIUM",
    "felt": [f"{INDEX}: nobody can write for 0.71 s"],
    "weights": ["MEDIUM"],
    "stops": [],
    "advice": [],
    "way": "code alone",
    "ways": [
        {
            "way": "code alone",
            "is_open": True,
            "tried": True,
            "seconds": 1.2,
            "loses": "nothing; the migrated schema stays",
            "why": "",
        },
        {
            "way": "down",
            "is_open": False,
            "tried": True,
            "seconds": 0.3,
            "loses": "users.email",
            "why": "the way down loses data: users has as many rows, and other values in them",
        },
        {
            "way": "restore",
            "is_open": True,
            "tried": True,
            "seconds": 2.4,
            "loses": "every write since the backup",
            "why": "",
        },
    ],
    "down": "",
    "old": {"tried": True, "works": True, "why": "", "seconds": 1.2, "failed": [], "query": "", "broken": []},
    "new": {"tried": True, "works": True, "why": "", "seconds": 1.4, "failed": [], "query": "", "broken": []},
    "statements": [
        {
            "migration": "002_orders",
            "text": INDEX,
            "seconds": 0.7,
            "locks": [["orders", "ShareLock"]],
            "rewrites": [],
            "wal_bytes": 400_000,
            "read_blocked_s": 0.0,
            "write_blocked_s": 0.71,
            "error": "",
        },
        {
            "migration": "003_nick",
            "text": "ALTER TABLE users DROP COLUMN email",
            "seconds": 0.001,
            "locks": [["users", "AccessExclusiveLock"]],
            "rewrites": ["users", "users_pkey"],
            "wal_bytes": 0,
            "read_blocked_s": 1.5,
            "write_blocked_s": 1.5,
            "error": "",
        },
    ],
    "rows": [
        {"table": "orders", "before": 2_000_000, "after": 2_000_000, "touched": True, "is_changed": False},
        {"table": "users", "before": 300, "after": 299, "touched": True, "is_changed": True},
    ],
    "schema_diff": "--- before\n+++ after\n-  email text,\n+CREATE INDEX orders_user ON public.orders (user_id);\n",
    "queue_blocked_s": 0.4,
    "broken_checks": [],
    "warnings": ["the scratch server is PostgreSQL 15, the live one 14"],
    "known": {
        "small": ["users"],
        "columns": {
            "users": {"nick": "character varying(20)", "email": "text"},
            "orders": {"user_id": "bigint"},
        },
        "not_null_checks": [],
        "indexed": [],
        "primary_keys": [],
    },
    "log": [],
    "changes": [],
}


def looked_at(**changes: Any) -> MigrationLook:
    """Before any rehearsal."""
    return judged(replace(LOOK, config=CONFIG, **changes))


def rehearsed(facts: dict[str, Any] | None = None, **changes: Any) -> MigrationLook:
    """After one, with these facts otherwise."""
    told = {**FACTS, **(facts or {})}
    return judged(replace(LOOK, config=CONFIG, rehearsal=told, rehearsed_at=NOON - 60, **changes))


def report(look: MigrationLook, kind: str = "") -> dict[str, Any]:
    """The document of this look."""
    return migration_report(look, weigh(look), kind=kind or (REHEARSAL if look.rehearsal else PLAN), at=NOON)

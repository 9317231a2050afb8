"""The journal's tables, and how an older journal becomes a newer one. Forward only.

Plain enough for PostgreSQL: text, integers and reals; JSON and times (unix seconds) as such. 0 and '' stand
for "not yet" and "none", as they do in the nouns.
"""

from __future__ import annotations

import sqlite3

from mobius.errors import MobiusError

APPLICATION_ID = 0x6D6F6269  # "mobi", so that somebody else's database is never taken for a journal

FIRST = (
    "CREATE TABLE environments (name TEXT PRIMARY KEY, token INTEGER NOT NULL) STRICT",
    """CREATE TABLE runs (
        id INTEGER PRIMARY KEY, environment TEXT NOT NULL REFERENCES environments (name), kind TEXT NOT NULL,
        state TEXT NOT NULL, ended INTEGER NOT NULL CHECK (ended IN (0, 1)), token INTEGER NOT NULL,
        plan TEXT NOT NULL, plan_schema INTEGER NOT NULL, plan_hash TEXT NOT NULL, tool_version TEXT NOT NULL,
        lead TEXT NOT NULL, holder TEXT NOT NULL, started_at REAL NOT NULL, ended_at REAL NOT NULL,
        window_opened_at REAL NOT NULL, window_deadline REAL NOT NULL, exit_code INTEGER NOT NULL,
        sentence TEXT NOT NULL) STRICT""",
    "CREATE UNIQUE INDEX one_active_run ON runs (environment) WHERE ended = 0",
    """CREATE TABLE events (
        seq INTEGER PRIMARY KEY, run_id INTEGER NOT NULL, environment TEXT NOT NULL, at REAL NOT NULL,
        kind TEXT NOT NULL, message TEXT NOT NULL, data TEXT NOT NULL, who TEXT NOT NULL,
        previous_hash TEXT NOT NULL, hash TEXT NOT NULL) STRICT""",
    "CREATE INDEX events_of_run ON events (run_id, seq)",
    # A speed bump for the honest mistake; against the other kind there is the chain.
    """CREATE TRIGGER events_stay_as_written BEFORE UPDATE ON events
        BEGIN SELECT RAISE(ABORT, 'events are never changed'); END""",
    """CREATE TRIGGER events_stay BEFORE DELETE ON events
        BEGIN SELECT RAISE(ABORT, 'events are never removed'); END""",
    """CREATE TABLE steps (
        run_id INTEGER NOT NULL REFERENCES runs (id), step_id TEXT NOT NULL, attempt INTEGER NOT NULL,
        begun_seq INTEGER NOT NULL REFERENCES events (seq), begun_at REAL NOT NULL, done_at REAL NOT NULL,
        failed TEXT NOT NULL, result TEXT NOT NULL, PRIMARY KEY (run_id, step_id, attempt)) STRICT""",
    """CREATE TABLE samples (
        id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL REFERENCES runs (id), signal TEXT NOT NULL,
        at REAL NOT NULL, ok INTEGER, value REAL, requests INTEGER NOT NULL, errors INTEGER NOT NULL,
        histogram TEXT NOT NULL, missing TEXT NOT NULL, note TEXT NOT NULL) STRICT""",
    "CREATE INDEX samples_of_run ON samples (run_id, at)",
    """CREATE TABLE releases (
        environment TEXT NOT NULL, id TEXT NOT NULL, tag TEXT NOT NULL, git_commit TEXT NOT NULL,
        content_digest TEXT NOT NULL, config_digest TEXT NOT NULL, schema_revision TEXT NOT NULL,
        state TEXT NOT NULL, slot TEXT NOT NULL, staged_at REAL NOT NULL, live_since REAL NOT NULL,
        accepted INTEGER NOT NULL CHECK (accepted IN (0, 1)), PRIMARY KEY (environment, id)) STRICT""",
    """CREATE TABLE backups (
        environment TEXT NOT NULL, name TEXT NOT NULL, path TEXT NOT NULL, sha256 TEXT NOT NULL,
        size_bytes INTEGER NOT NULL, created_at REAL NOT NULL, release_id TEXT NOT NULL,
        run_id INTEGER NOT NULL, kind TEXT NOT NULL, verified_at REAL NOT NULL, rehearsed_at REAL NOT NULL,
        restore_s REAL NOT NULL, metadata TEXT NOT NULL, PRIMARY KEY (environment, name)) STRICT""",
    """CREATE TABLE outbox (
        id INTEGER PRIMARY KEY, event_seq INTEGER NOT NULL REFERENCES events (seq), topic TEXT NOT NULL,
        payload TEXT NOT NULL, created_at REAL NOT NULL, sent_at REAL NOT NULL, attempts INTEGER NOT NULL,
        last_error TEXT NOT NULL) STRICT""",
    "CREATE INDEX outbox_unsent ON outbox (sent_at, id)",
)

# JSON: what is known of a backup besides, so that a new fact needs no new column.
SECOND = ("ALTER TABLE backups ADD COLUMN facts TEXT NOT NULL DEFAULT '{}'",)

# Each message on its way through each channel, and how the channels stand.
THIRD = (
    "ALTER TABLE outbox ADD COLUMN routed_at REAL NOT NULL DEFAULT 0",
    """CREATE TABLE deliveries (
        outbox_id INTEGER NOT NULL REFERENCES outbox (id), channel TEXT NOT NULL, environment TEXT NOT NULL,
        state TEXT NOT NULL, attempts INTEGER NOT NULL, sent_at REAL NOT NULL, answer TEXT NOT NULL,
        error TEXT NOT NULL, batch INTEGER NOT NULL, PRIMARY KEY (outbox_id, channel)) STRICT""",
    "CREATE INDEX deliveries_by_state ON deliveries (environment, state, outbox_id)",
    "CREATE INDEX outbox_unrouted ON outbox (routed_at, id)",
    """CREATE TABLE channels (
        environment TEXT NOT NULL, name TEXT NOT NULL, failures INTEGER NOT NULL, next_at REAL NOT NULL,
        error TEXT NOT NULL, claimed_by TEXT NOT NULL, claimed_until REAL NOT NULL,
        PRIMARY KEY (environment, name)) STRICT""",
)

# UPGRADES[n] makes version n + 1 of version n. Never change one that was released; add the next.
UPGRADES: tuple[tuple[str, ...], ...] = (FIRST, SECOND, THIRD)
SCHEMA = len(UPGRADES)


def upgrade(sql: sqlite3.Connection) -> None:
    """Brings the database to this version, inside the caller's transaction; it is there already: nothing."""
    for version in range(version_of(sql), SCHEMA):
        for statement in UPGRADES[version]:
            sql.execute(statement)
        sql.execute(f"PRAGMA user_version = {version + 1}")
    sql.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def version_of(sql: sqlite3.Connection, name: str = "the journal") -> int:
    """The schema's version, 0 for an empty database; for use inside a transaction.

    Raises `MobiusError` for a database that is not a journal, or that a newer mobius wrote.
    """
    version = int(sql.execute("PRAGMA user_version").fetchone()[0])
    mine = sql.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    if not mine and (version or sql.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()):
        raise MobiusError(
            f"{name} is the database of another program",
            "check `root` of the environment in mobius.toml; move the file away if it does not belong there",
        )
    if version > SCHEMA:
        raise MobiusError(
            f"{name} was written by a newer mobius (schema {version}, this one knows {SCHEMA})",
            "use the newer mobius; in an emergency `mobius rollback --emergency` works without the journal",
        )
    return version

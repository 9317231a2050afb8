"""What a script says of its own session: transactions, savepoints, locks and settings."""

from __future__ import annotations

from dataclasses import replace

from mobius.rules.migrations.cursor import Cursor, Name, split
from mobius.rules.migrations.nouns import Statement

# Of LOCK TABLE: those in which others still write.
_GENTLE_MODES = ("ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE")


def setting_set(cursor: Cursor, plain: Statement) -> Statement:
    """SET, for the session or LOCAL to the transaction."""
    scope = cursor.any_of("LOCAL", "SESSION")
    if cursor.take("SCHEMA"):  # SET SCHEMA 'app'
        return setting(plain, Name("search_path"), cursor.literal(), "")
    name = cursor.name()
    cursor.any_of("=", "TO")
    value = cursor.literal() if not cursor.done and cursor.tokens[cursor.at].kind == "string" else ""
    value = value or "".join(token.text for token in cursor.rest()).strip('"')
    return setting(plain, name, value, scope)


def reset(cursor: Cursor, plain: Statement) -> Statement:
    """RESET: the setting is as it was at first."""
    return setting(plain, cursor.name(), "default", "")


def discard(cursor: Cursor, plain: Statement) -> Statement:
    """DISCARD ALL resets every setting."""
    return setting(plain, Name("all"), "default", "") if cursor.take("ALL") else plain


def setting(plain: Statement, name: Name, value: str, scope: str) -> Statement:
    """A setting that is set by any of the ways to do so."""
    return replace(plain, kind="set", name=Name(name.lower()), value=value.lower(), only=scope == "LOCAL")


def begun(cursor: Cursor, plain: Statement) -> Statement:
    """BEGIN."""
    return replace(plain, kind="begin")


def started(cursor: Cursor, plain: Statement) -> Statement:
    """START TRANSACTION."""
    return replace(plain, kind="begin") if cursor.take("TRANSACTION") else plain


def committed(cursor: Cursor, plain: Statement) -> Statement:
    """COMMIT or END."""
    cursor.any_of("WORK", "TRANSACTION")
    if cursor.take("PREPARED"):
        return replace(plain, kind="settle prepared", name=Name(cursor.literal()))
    return replace(plain, kind="commit", value="chain" if cursor.take("AND", "CHAIN") else "")


def rolled_back(cursor: Cursor, plain: Statement) -> Statement:
    """ROLLBACK or ABORT, of all or to a savepoint."""
    cursor.any_of("WORK", "TRANSACTION")
    if cursor.take("PREPARED"):
        return replace(plain, kind="settle prepared", name=Name(cursor.literal()))
    if cursor.take("TO"):
        cursor.take("SAVEPOINT")
        return replace(plain, kind="rollback to", name=cursor.name())
    return replace(plain, kind="rollback", value="chain" if cursor.take("AND", "CHAIN") else "")


def prepared(cursor: Cursor, plain: Statement) -> Statement:
    """PREPARE TRANSACTION ends it for this session, and keeps its locks until somebody settles it."""
    if not cursor.take("TRANSACTION"):
        return plain
    return replace(plain, kind="commit", name=Name(cursor.literal()), value="prepared")


def savepoint(cursor: Cursor, plain: Statement) -> Statement:
    """SAVEPOINT."""
    return replace(plain, kind="savepoint", name=cursor.name())


def release(cursor: Cursor, plain: Statement) -> Statement:
    """RELEASE SAVEPOINT."""
    cursor.take("SAVEPOINT")
    return replace(plain, kind="release", name=cursor.name())


def pragma(cursor: Cursor, plain: Statement) -> Statement:
    """PRAGMA, of SQLite."""
    name = cursor.name()
    cursor.any_of("=", "(")
    value = cursor.tokens[cursor.at].text.lower().strip("'\"") if not cursor.done else ""
    return replace(plain, kind="pragma", name=Name(name.lower()), value=value)


def locked(cursor: Cursor, plain: Statement) -> Statement:
    """LOCK TABLE, of one table or of several."""
    cursor.take("TABLE")
    tables = tuple(_only(Cursor(part)) for part in split(cursor.up_to("IN", "NOWAIT")))
    mode = " ".join(token.word for token in cursor.up_to("MODE", "NOWAIT")).removeprefix("IN ")
    kind = "lock" if mode in ("", "ACCESS EXCLUSIVE") else "lock out writers"
    waits = "" if plain.says("NOWAIT") else "waits"
    return replace(plain, kind="other" if mode in _GENTLE_MODES else kind, tables=tables, value=waits)


def _only(cursor: Cursor) -> Name:
    cursor.take("ONLY")
    return cursor.name()

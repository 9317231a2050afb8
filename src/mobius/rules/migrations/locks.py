"""Which lock a statement of PostgreSQL takes on the tables it names (manual, "Explicit Locking" and ALTER TABLE)."""

from __future__ import annotations

from mobius.rules.migrations.cursor import Name
from mobius.rules.migrations.nouns import Action, Statement

# SHARE UPDATE EXCLUSIVE: neither readers nor writers wait.
_GENTLE = ("validate", "settings")
# SHARE ROW EXCLUSIVE: writers wait, readers do not.
_WRITERS_WAIT = ("disable trigger", "disable triggers", "enable trigger")


def locked_tables(statement: Statement) -> tuple[Name, ...]:
    """The tables on which it waits for a lock that others then queue behind; of a DROP INDEX, the index itself.
    ATTACH PARTITION shuts the partition, and leaves the table that gets it open (since PostgreSQL 12)."""
    if statement.kind == "alter table" and all(each.kind == "attach" for each in statement.actions):
        return tuple(each.name for each in statement.actions)
    if statement.kind == "create table":  # PARTITION OF shuts the table that gets the partition
        return (statement.name,) if statement.name else ()
    if statement.kind == "drop index":
        return statement.columns
    return statement.tables


def locks_out_readers(statement: Statement) -> bool:
    """Whether it takes ACCESS EXCLUSIVE on a table it names."""
    if statement.kind == "alter table":
        return any(_shuts(action) for action in statement.actions)
    if statement.kind in ("create table", "refresh"):
        return bool(statement.name) if statement.kind == "create table" else not statement.concurrently
    if statement.kind == "drop index":  # on the index and on its table
        return not statement.concurrently
    return statement.kind in ("drop table", "truncate", "vacuum full", "cluster", "lock", "rules")


def locks_out_writers(statement: Statement) -> bool:
    """Whether nobody can write to a table it names, at least; who waits for that lock makes all others wait, too."""
    if statement.kind == "alter table":
        return any(each.kind not in _GENTLE and not each.concurrently for each in statement.actions)
    if statement.kind == "create index":
        return not statement.concurrently
    return locks_out_readers(statement) or statement.kind in ("create trigger", "lock out writers")


def locks_the_definition(statement: Statement) -> bool:
    """Whether it changes what a table is, and holds a lock on it that writers wait for."""
    if statement.kind == "alter table":
        return locks_out_writers(statement)
    if statement.kind == "create index":
        return not statement.concurrently
    return statement.kind in ("drop table", "truncate", "lock", "create trigger", "rules")


def _shuts(action: Action) -> bool:
    if action.kind in _GENTLE or action.kind in _WRITERS_WAIT or action.concurrently:
        return False
    return not (
        action.kind == "add constraint"
        and action.constraint is not None
        and action.constraint.kind == "foreign"
    )

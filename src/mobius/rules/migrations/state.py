"""What a script has done so far: its transaction, what it made itself, what it locked, which timeouts it set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mobius.model.linting import NOTHING_KNOWN, Known
from mobius.rules.migrations.nouns import Action, Constraint, Statement
from mobius.rules.migrations.tokens import Token

# Actions of ALTER TABLE that take no lock which stops reads (SHARE UPDATE EXCLUSIVE or SHARE ROW EXCLUSIVE).
_GENTLE = ("validate", "disable trigger", "attach")


@dataclass(slots=True)
class Transaction:
    """What the transaction that is open has done: nothing of it is given back before it ends."""

    exclusive: list[str] = field(default_factory=list)  # tables locked so that nobody else can read them
    locked: list[str] = field(default_factory=list)  # tables whose definition it changed
    unvalidated: dict[str, str] = field(default_factory=dict)  # constraint -> table
    changed: list[str] = field(default_factory=list)  # tables in which it changed rows
    enum_values: dict[str, str] = field(default_factory=dict)  # 'value' as written -> type
    told: set[str] = field(default_factory=set)


@dataclass(slots=True)
class State:
    """The state of a script before its next statement."""

    pg_version: int = 15
    in_transaction: bool = False
    explicit: bool = False  # by a BEGIN in the script
    known: Known = NOTHING_KNOWN
    tables: set[str] = field(default_factory=set)  # made in this script
    types: set[str] = field(default_factory=set)
    columns: set[tuple[str, str]] = field(default_factory=set)  # added in this script
    indexes: set[str] = field(default_factory=set)
    dropped_indexes: set[str] = field(default_factory=set)
    settings: set[str] = field(default_factory=set)
    checks: dict[tuple[str, str], tuple[str, str]] = field(
        default_factory=dict
    )  # constraint -> (table, column)
    proven: set[tuple[str, str]] = field(
        default_factory=set
    )  # columns that a validated CHECK holds not to be null
    validated: set[tuple[str, str]] = field(default_factory=set)  # (table, constraint)
    replica_identity: set[str] = field(default_factory=set)
    open: Transaction = field(default_factory=Transaction)
    began: Statement | None = None
    every: Sequence[Statement] = ()

    def is_new(self, table: str) -> bool:
        """Whether nobody else can have it in use: the script made it."""
        return table in self.tables

    def is_small(self, table: str) -> bool:
        return table in self.known.small

    def advance(self, statement: Statement) -> None:
        """Takes note of what this statement does."""
        kind = statement.kind
        if kind == "begin":
            self.began = None if self.in_transaction else statement
            self.in_transaction = self.explicit = True
            if self.began:
                self.open = Transaction()
        elif kind in ("commit", "rollback"):
            self.in_transaction = self.explicit = False
            self.began, self.open = None, Transaction()
        elif kind == "set":
            self.settings.add(statement.name)
        elif kind == "create table" and statement.table:
            self.tables.add(statement.table)
        elif kind == "create type":
            self.types.add(statement.name)
        elif kind == "create index":
            self.indexes.add(statement.name)
        elif kind == "drop index":
            self.dropped_indexes.update(statement.columns)
        elif kind == "add enum value" and self.in_transaction:
            self.open.enum_values[statement.value] = statement.name
        self._locks(statement)
        for action in statement.actions:
            self._altered(statement.table, action)

    def _locks(self, statement: Statement) -> None:
        if not self.in_transaction:
            return
        for table in statement.tables:
            if self.is_new(table):
                continue
            if statement.kind in ("update", "delete", "insert"):
                self.open.changed.append(table)
            if locks_out_readers(statement):
                self.open.exclusive.append(table)
            if statement.kind in (
                "alter table",
                "drop table",
                "truncate",
                "create index",
                "lock",
                "create trigger",
            ):
                self.open.locked.append(table)

    def _altered(self, table: str, action: Action) -> None:
        if action.kind == "add column":
            self.columns.add((table, action.column))
        if action.kind == "rename table" and self.is_new(table):
            self.tables.add(action.name)
        if action.kind == "replica identity" and action.name in ("full", "using"):
            self.replica_identity.add(table)
        if action.kind == "validate":
            self.validated.add((table, action.name))
            if (table, action.name) in self.checks:
                self.proven.add(self.checks[table, action.name])
        if action.kind == "add constraint" and action.constraint is not None:
            self._constrained(table, action.constraint)

    def _constrained(self, table: str, constraint: Constraint) -> None:
        column = not_null_check(constraint)
        if column:
            self.checks[table, constraint.name] = (table, column)
            if not constraint.not_valid:
                self.proven.add((table, column))
        if constraint.not_valid and self.in_transaction and not self.is_new(table):
            self.open.unvalidated[constraint.name] = table


def locks_out_readers(statement: Statement) -> bool:
    """Whether it takes ACCESS EXCLUSIVE on the tables it names."""
    if statement.kind == "alter table":
        return any(
            action.kind not in _GENTLE and not _is_foreign_key(action) and not action.concurrently
            for action in statement.actions
        )
    return statement.kind in ("drop table", "truncate", "vacuum full", "cluster", "lock")


def _is_foreign_key(action: Action) -> bool:
    return (
        action.kind == "add constraint"
        and action.constraint is not None
        and action.constraint.kind == "foreign"
    )


def not_null_check(constraint: Constraint) -> str:
    """The column that `CHECK (column IS NOT NULL)` holds not to be null; "" for any other constraint."""
    if constraint.kind == "not null" and constraint.columns:
        return constraint.columns[0]
    tokens: Sequence[Token] = constraint.expression
    while len(tokens) > 2 and (tokens[0].word, tokens[-1].word) == ("(", ")"):
        tokens = tokens[1:-1]
    words = [token.word for token in tokens]
    return tokens[0].name if constraint.kind == "check" and words[1:] == ["IS", "NOT", "NULL"] else ""

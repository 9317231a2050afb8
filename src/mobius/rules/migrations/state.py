"""What a script has done so far: its transaction, what it made itself, what it locked, which timeouts it set."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TypeVar

from mobius.model.linting import NOTHING_KNOWN, Known
from mobius.rules.migrations.cursor import TEMPORARY, Name
from mobius.rules.migrations.locks import locked_tables, locks_out_readers, locks_the_definition
from mobius.rules.migrations.nouns import Action, Constraint, Statement
from mobius.rules.migrations.proofs import columns_not_null
from mobius.rules.migrations.script import Script

T = TypeVar("T", bound=Hashable)
Key = tuple[str, str]  # schema and name
_SCHEMAS_OF_SQLITE = {"main": "public", "temp": TEMPORARY}
_OFF = ("0", "0ms", "0s", "default", "")


@dataclass(slots=True)
class Transaction:
    """What the transaction that is open has done: nothing of it is given back before it ends."""

    exclusive: dict[Key, Name] = field(
        default_factory=dict
    )  # tables locked so that nobody else can read them
    locked: dict[Key, Name] = field(default_factory=dict)  # tables whose definition it changed
    changed: dict[Key, Name] = field(default_factory=dict)  # tables in which it changed rows
    unvalidated: dict[tuple[Key, str], str] = field(default_factory=dict)  # (table, constraint) -> its kind
    told: set[str] = field(default_factory=set)


@dataclass(slots=True)
class State:
    """The state of a script before its next statement."""

    pg_version: int = 15
    in_transaction: bool = False
    explicit: bool = False  # by a BEGIN in the script
    is_sqlite: bool = False  # there a SAVEPOINT outside of a transaction begins one
    known: Known = NOTHING_KNOWN
    script: Script = field(default_factory=Script)
    tables: set[Key] = field(default_factory=set)  # made in this script
    schemas: set[str] = field(default_factory=set)
    types: set[Key] = field(default_factory=set)
    columns: set[tuple[Key, str]] = field(default_factory=set)  # added in this script
    indexes: set[str] = field(default_factory=set)
    dropped_indexes: set[str] = field(default_factory=set)
    settings: dict[str, str] = field(default_factory=dict)
    checks: dict[tuple[Key, str], tuple[str, ...]] = field(default_factory=dict)  # constraint -> columns
    proven: set[tuple[Key, str]] = field(default_factory=set)  # a validated CHECK holds them not to be null
    validated: set[tuple[str, str]] = field(default_factory=set)  # (table, constraint)
    replica_identity: set[Key] = field(default_factory=set)
    open: Transaction = field(default_factory=Transaction)
    began: Statement | None = None
    prepared: dict[str, Statement] = field(default_factory=dict)  # transactions that nobody has settled yet
    timeouts_told: bool = False
    _undo: list[Callable[[], object]] = field(default_factory=list)
    _savepoints: dict[str, int] = field(default_factory=dict)
    _local: dict[str, str | None] = field(default_factory=dict)  # SET LOCAL -> the value to return to

    def key(self, name: Name) -> Key:
        """The table that a name means: without a schema, the temporary one, or that of the first schema searched."""
        if not name.schema and (TEMPORARY, str(name)) in self.tables:
            return TEMPORARY, str(name)
        schema = _SCHEMAS_OF_SQLITE.get(name.schema, name.schema) if self.is_sqlite else name.schema
        return (schema or self.settings.get("search_path") or "public"), str(name)

    def is_new(self, table: Name) -> bool:
        """Whether nobody else can have it in use: the script made it."""
        return self.key(table) in self.tables

    def is_new_type(self, name: Name) -> bool:
        return self.key(name) in self.types

    def is_small(self, table: str) -> bool:
        return table in self.known.small

    def is_own_column(self, table: Name, column: str) -> bool:
        """Whether the script added it."""
        return (self.key(table), column) in self.columns

    @property
    def has_lock_timeout(self) -> bool:
        return self.settings.get("lock_timeout", "") not in _OFF

    def advance(self, statement: Statement) -> None:
        """Takes note of what this statement does."""
        match statement.kind:
            case "begin":
                self._begin(statement)
            case "commit" | "rollback":
                self._end(statement)
            case "savepoint" if self.is_sqlite and not self.in_transaction:
                self._begin(statement)
            case "release" if self.began is not None and self.began.kind == "savepoint":
                if self.began.name == statement.name:
                    self._end(statement)
            case "settle prepared":
                self.prepared.pop(str(statement.name), None)
            case "savepoint":
                self._savepoints[statement.name] = len(self._undo)
            case "rollback to":
                self._take_back(self._savepoints.get(statement.name, len(self._undo)))
            case "set":
                self._set(statement)
            case "pragma":
                if (
                    statement.name != "foreign_keys" or not self.in_transaction
                ):  # it does nothing inside of one
                    self.settings[statement.name] = statement.value
            case "create table" if statement.table:
                self._add(self.tables, self.key(statement.table))
            case "create view" if statement.value != "replaces":
                self._add(self.tables, self.key(statement.name))
            case "create schema":
                self._add(self.schemas, str(statement.name))
            case "create type" | "create domain":
                self._add(self.types, self.key(statement.name))
            case "create index":
                self._add(self.indexes, str(statement.name))
            case "drop index":
                for name in statement.columns:
                    self._add(self.dropped_indexes, str(name))
        self._locks(statement)
        for action in statement.actions:
            self._altered(statement.table, action)

    def note_setting(self, name: str, value: str) -> None:
        """What holds from here on, until the transaction is rolled back."""
        before = self.settings.get(name)
        self.settings[name] = value
        self._later(lambda: self._put_back(name, before))

    def _begin(self, statement: Statement) -> None:
        if not self.in_transaction:
            self.began = statement
            self._fresh()
        else:
            self.began = self.began if self.explicit else None
        self.in_transaction = self.explicit = True

    def end_of_transaction(self) -> None:
        """What is locked is given back, and what was set for it alone holds no longer; the runner's own next one may
        begin at once."""
        for name, before in self._local.items():
            self._put_back(name, before)
        self._fresh()

    def _end(self, statement: Statement) -> None:
        if statement.kind == "rollback":
            self._take_back(0)
        self.end_of_transaction()
        if statement.value == "prepared":
            self.prepared[str(statement.name)] = statement
        again = statement.value == "chain" and self.in_transaction
        self.in_transaction, self.explicit = again, again and self.explicit
        self.began = statement if again and self.began is not None else None

    def _fresh(self) -> None:
        self.open = Transaction()
        self._undo.clear()
        self._savepoints.clear()
        self._local.clear()

    def _take_back(self, to: int) -> None:
        while len(self._undo) > to:
            self._undo.pop()()

    def _put_back(self, name: str, before: str | None) -> None:
        if before is None:
            self.settings.pop(name, None)
        else:
            self.settings[name] = before

    def _add(self, known: set[T], item: T) -> None:
        if item not in known:
            known.add(item)
            self._later(lambda: known.discard(item))

    def _hold(self, held: dict[Key, Name], table: Name) -> None:
        key = self.key(table)
        if key not in held:
            held[key] = table
            self._later(lambda: held.pop(key, None))

    def _later(self, undo: Callable[[], object]) -> None:
        """What a ROLLBACK of the transaction, or to a savepoint, takes back."""
        if self.in_transaction:
            self._undo.append(undo)

    def _set(self, statement: Statement) -> None:
        name, value = str(statement.name), statement.value
        if statement.only:  # LOCAL
            if not self.in_transaction:
                return
            self._local.setdefault(name, self.settings.get(name))
        elif name in self._local:
            self._local[name] = value
        if name == "all":
            for each in list(self.settings):
                self.note_setting(each, "")
            return
        if name == "search_path":
            first = value.split(",")[0].strip().strip("\"'")
            value = "" if first in ("default", "$user") else first
        self.note_setting(name, value)

    def _locks(self, statement: Statement) -> None:
        if not self.in_transaction:
            return
        if statement.kind in ("update", "delete", "insert", "merge") and not self.is_new(statement.table):
            self._hold(self.open.changed, statement.table)
        exclusive, defining = locks_out_readers(statement), locks_the_definition(statement)
        for table in locked_tables(statement) if exclusive or defining else ():
            if not self.is_new(table):
                if exclusive:
                    self._hold(self.open.exclusive, table)
                if defining:
                    self._hold(self.open.locked, table)

    def _altered(self, table: Name, action: Action) -> None:
        key = self.key(table)
        match action.kind:
            case "add column":
                self._add(self.columns, (key, str(action.column)))
            case "rename table" if key in self.tables:
                self._add(self.tables, (key[0], str(action.name)))
            case "replica identity" if action.name in ("full", "using"):
                self._add(self.replica_identity, key)
            case "validate":
                self._add(self.validated, (str(table), str(action.name)))
                for column in self.checks.get((key, action.name), ()):
                    self._add(self.proven, (key, column))
            case "drop constraint":
                self._no_longer_proven(key, str(action.name))
            case "add constraint" if action.constraint is not None:
                self._constrained(key, action.constraint)

    def _no_longer_proven(self, table: Key, name: str) -> None:
        columns = self.checks.pop((table, name), ())
        gone = {(table, column) for column in columns} & self.proven
        self.proven -= gone

        def undo() -> None:
            self.checks[table, name] = columns
            self.proven.update(gone)

        self._later(undo)

    def _constrained(self, table: Key, constraint: Constraint) -> None:
        columns = columns_not_null(constraint)
        if columns:
            self.checks[table, constraint.name] = columns
            for column in columns if not constraint.not_valid else ():
                self._add(self.proven, (table, column))
        if constraint.not_valid and self.in_transaction and table not in self.tables:
            self.open.unvalidated[table, constraint.name] = constraint.kind

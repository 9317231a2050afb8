"""What a statement of a migration says, as data: the forms that can hurt, and everything else as `other`."""

from __future__ import annotations

from dataclasses import dataclass

from mobius.rules.migrations.tokens import Token


@dataclass(frozen=True, slots=True)
class Constraint:
    """`kind`: check, foreign, unique, primary, exclude or not null."""

    kind: str
    name: str = ""
    columns: tuple[str, ...] = ()
    references: str = ""
    not_valid: bool = False
    using_index: bool = False
    expression: tuple[Token, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A column as it is defined. `default`: its tokens, empty for none. `generated`: stored, virtual, identity"
    " or ""."""

    name: str
    type: str = ""
    default: tuple[Token, ...] = ()
    not_null: bool = False
    generated: str = ""
    constraints: tuple[Constraint, ...] = ()

    def has(self, kind: str) -> bool:
        """Whether it brings a constraint of this kind."""
        return any(constraint.kind == kind for constraint in self.constraints)


@dataclass(frozen=True, slots=True)
class Action:
    """One action of an ALTER TABLE. `kind` says which; the other fields are what it needs."""

    kind: str
    column: str = ""
    defined: Column | None = None
    constraint: Constraint | None = None
    name: str = ""  # of a constraint, trigger, partition or index; a new name
    type: str = ""
    using: bool = False
    concurrently: bool = False
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. `tables` are the ones it works on, `actions` those of an ALTER TABLE."""

    kind: str
    tokens: tuple[Token, ...]
    line: int
    text: str
    tables: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()
    name: str = ""  # of an index, a type, a domain, a view, a setting
    columns: tuple[str, ...] = ()  # that an index is built on, the first first
    constraints: tuple[Constraint, ...] = ()  # of a new table
    defined: tuple[Column, ...] = ()  # of a new table
    concurrently: bool = False
    guarded: bool = False  # IF EXISTS, IF NOT EXISTS
    cascade: bool = False
    value: str = ""
    body: str = ""  # of a DO block
    only: bool = False
    partial: bool = False

    @property
    def table(self) -> str:
        """The table it works on, "" where there is none."""
        return self.tables[0] if self.tables else ""

    def says(self, *words: str) -> bool:
        """Whether these words stand in it, one after the other."""
        found = [token.word for token in self.tokens]
        return any(found[at : at + len(words)] == list(words) for at in range(len(found) - len(words) + 1))

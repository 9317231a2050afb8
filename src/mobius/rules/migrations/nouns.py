"""What a statement of a migration says, as data: the forms that can hurt, and everything else as `other`."""

from __future__ import annotations

from dataclasses import dataclass, field

from mobius.rules.migrations.cursor import NAMELESS, Name
from mobius.rules.migrations.tokens import Token

SHOWN = 160  # characters of a statement
FIRST_WORDS = 4  # of a statement, kept where no rule looks at the others


@dataclass(frozen=True, slots=True)
class Constraint:
    """`kind`: check, foreign, unique, primary, exclude or not null. `not_valid`: rows that are there are not tried."""

    kind: str
    name: Name = NAMELESS
    columns: tuple[Name, ...] = ()
    references: Name = NAMELESS
    not_valid: bool = False
    using_index: bool = False
    expression: tuple[Token, ...] = ()
    text: str = ""  # without its name, as written


@dataclass(frozen=True, slots=True)
class Column:
    """A column as it is defined. `default`: its tokens, empty for none. `generated`: stored, virtual, identity or
    ""."""

    name: Name
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
    column: Name = NAMELESS
    defined: Column | None = None
    constraint: Constraint | None = None
    name: Name = NAMELESS  # of a constraint, trigger, partition or index; a new name
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
    source: str = field(default="", repr=False, compare=False)  # the whole script
    span: tuple[int, int] = (0, 0)  # where in it this statement stands
    tables: tuple[Name, ...] = ()
    actions: tuple[Action, ...] = ()
    name: Name = NAMELESS  # of an index, a type, a domain, a view, a setting, a savepoint
    columns: tuple[Name, ...] = ()  # that an index is built on, the first first; what a DROP names
    constraints: tuple[Constraint, ...] = ()  # of a new table
    defined: tuple[Column, ...] = ()  # of a new table
    concurrently: bool = False
    guarded: bool = False  # IF EXISTS, IF NOT EXISTS, NOT VALID
    cascade: bool = False
    value: str = ""
    body: str = ""  # of a DO block or a function
    comments: tuple[str, ...] = ()  # of a statement in a DO block
    only: bool = False
    partial: bool = False
    copies: bool = False  # a new table that is LIKE another one
    repeated: bool = False  # in a loop of a block, in one transaction
    verb: int = 0  # where among the tokens its UPDATE, DELETE, … stands; where in the file its body begins

    @property
    def text(self) -> str:
        """As written, on one line, shortened."""
        begin, end = self.span
        shown = " ".join(self.source[begin : min(end, begin + 8 * SHOWN)].split())
        return shown if len(shown) <= SHOWN else shown[: SHOWN - 1] + "…"

    @property
    def table(self) -> Name:
        """The table it works on, "" where there is none."""
        return self.tables[0] if self.tables else NAMELESS

    def says(self, *words: str) -> bool:
        """Whether these words stand in it, one after the other."""
        found = [token.word for token in self.tokens]
        return any(found[at : at + len(words)] == list(words) for at in range(len(found) - len(words) + 1))

"""What a script holds as a whole, before and after the statement that is judged: views, indexes, what is undone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mobius.rules.migrations.cursor import Name, unquoted
from mobius.rules.migrations.nouns import Constraint, Statement
from mobius.rules.migrations.tokens import Token

_KEYS = ("unique", "primary", "exclude")


@dataclass(slots=True)
class Script:
    """Names are without their schema: two tables of one name in one file are rare, and doubt is to their benefit."""

    views: set[str] = field(default_factory=set)
    renamed_to: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)  # tables
    indexed: set[tuple[str, str]] = field(default_factory=set)  # (table, the column that leads an index)
    half_indexed: set[tuple[str, str]] = field(
        default_factory=set
    )  # in an index that does not lead with it, or partial
    defaults_dropped: set[tuple[str, str]] = field(default_factory=set)
    checked: dict[str, set[str]] = field(
        default_factory=dict
    )  # tables that get a CHECK -> the constants in it
    keyed: set[str] = field(default_factory=set)  # tables that get a primary key by ALTER TABLE
    identified: set[str] = field(default_factory=set)  # tables that get one, or that may inherit or copy one
    strict_domains: set[str] = field(default_factory=set)  # with a constraint
    used: dict[str, int] = field(
        default_factory=dict
    )  # 'value' of an enum as written -> the last line that has it

    def note(self, each: Statement) -> None:
        """Takes in the next statement, so that no rule has to look through the file again."""
        for token in each.tokens if self.used else ():
            if token.kind == "string" and token.text in self.used:
                self.used[token.text] = each.line
        match each.kind:
            case "add enum value":
                self.used.setdefault(each.value, 0)
            case "create view":
                self.views.add(each.name)
            case "create table":
                self.made.add(each.table)
                for constraint in each.constraints:
                    _led(self, each.table, constraint)
                if each.name or each.copies or any(found.kind == "primary" for found in each.constraints):
                    self.identified.add(each.table)
            case "create domain" if each.says("CHECK") or each.says("NOT", "NULL"):
                self.strict_domains.add(each.name.lower())
            case "create index" if each.columns:
                led = 0 if each.partial else 1
                self.indexed.update((each.table, column) for column in each.columns[:led])
                self.half_indexed.update((each.table, column) for column in each.columns[led:])
            case "alter table":
                _altered(self, each)


def _altered(script: Script, statement: Statement) -> None:
    table = statement.table
    for action in statement.actions:
        if action.kind == "rename table":
            script.renamed_to.add(action.name)
        elif action.kind == "replica identity" and action.name != "nothing":
            script.identified.add(table)
        elif action.kind == "drop default":
            script.defaults_dropped.add((table, action.column))
        elif action.constraint is not None:
            _led(script, table, action.constraint)
            if action.constraint.kind == "check" and not action.constraint.not_valid:
                script.checked.setdefault(table, set()).update(constants(action.constraint.expression))
            if action.constraint.kind == "primary":
                script.keyed.add(table)
                script.identified.add(table)
        elif action.defined is not None and (action.defined.has("unique") or action.defined.has("primary")):
            script.indexed.add((table, action.defined.name))
            if action.defined.has("primary"):
                script.identified.add(table)


def constants(tokens: Iterable[Token]) -> frozenset[str]:
    """The strings and numbers among these."""
    return frozenset(
        unquoted(token.text) if token.kind == "string" else token.text
        for token in tokens
        if token.kind in ("string", "number")
    )


def _led(script: Script, table: Name, constraint: Constraint) -> None:
    if constraint.kind in _KEYS and constraint.columns:
        script.indexed.add((table, constraint.columns[0]))

"""What a script holds as a whole, before and after the statement that is judged: views, indexes, what is undone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mobius.rules.migrations.cursor import Name
from mobius.rules.migrations.nouns import Constraint, Statement

_KEYS = ("unique", "primary", "exclude")


@dataclass(slots=True)
class Script:
    """Names are without their schema: two tables of one name in one file are rare, and doubt is to their benefit."""

    views: set[str] = field(default_factory=set)
    renamed_to: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)  # tables
    indexed: set[tuple[str, str]] = field(default_factory=set)  # (table, the column that leads an index)
    defaults_dropped: set[tuple[str, str]] = field(default_factory=set)
    checked: set[str] = field(default_factory=set)  # tables that get a CHECK
    keyed: set[str] = field(default_factory=set)  # tables that get a primary key by ALTER TABLE
    strict_domains: set[str] = field(default_factory=set)  # with a constraint
    used: dict[str, int] = field(default_factory=dict)  # 'value' as written -> the last line that has it


def script_of(every: Iterable[Statement]) -> Script:
    """Read once, so that no rule has to look through the file again."""
    script, enums = Script(), False
    every = list(every)
    for each in every:
        enums = enums or each.kind == "add enum value"
        match each.kind:
            case "create view":
                script.views.add(each.name)
            case "create table":
                script.made.add(each.table)
                for constraint in each.constraints:
                    _led(script, each.table, constraint)
            case "create domain" if each.says("CHECK") or each.says("NOT", "NULL"):
                script.strict_domains.add(each.name.lower())
            case "create index" if not each.partial and each.columns:
                script.indexed.add((each.table, each.columns[0]))
            case "alter table":
                _altered(script, each)
    if enums:
        for each in every:
            script.used.update((token.text, each.line) for token in each.tokens if token.kind == "string")
    return script


def _altered(script: Script, statement: Statement) -> None:
    table = statement.table
    for action in statement.actions:
        if action.kind == "rename table":
            script.renamed_to.add(action.name)
        elif action.kind == "drop default":
            script.defaults_dropped.add((table, action.column))
        elif action.constraint is not None:
            _led(script, table, action.constraint)
            if action.constraint.kind == "check":
                script.checked.add(table)
            if action.constraint.kind == "primary":
                script.keyed.add(table)
        elif action.defined is not None and (action.defined.has("unique") or action.defined.has("primary")):
            script.indexed.add((table, action.defined.name))


def _led(script: Script, table: Name, constraint: Constraint) -> None:
    if constraint.kind in _KEYS and constraint.columns:
        script.indexed.add((table, constraint.columns[0]))

"""PostgreSQL: enums, domains and composite types: a change of one is a change of every table that uses it."""

from __future__ import annotations

from collections.abc import Iterator

from mobius.rules.migrations.nouns import Statement
from mobius.rules.migrations.said import ALONE, APART, HIGH, LOW, MEDIUM, Said, derived, quoted, steps
from mobius.rules.migrations.state import State

_WITH_TYPES = ("citext", "cube", "earthdistance", "hstore", "isn", "lo", "ltree", "postgis", "seg", "vector")


def type_hazards(statement: Statement, state: State) -> Iterator[Said]:
    """What a change of a type does to the tables that use it, and to the release that is live."""
    name, new = quoted(statement.name), state.is_new_type(statement.name)
    match statement.kind:
        case "add enum value" if not new:
            yield from _enum_value(statement, state)
        case "rename enum value" if not new:
            yield Said(
                "rename-column",
                HIGH,
                f"renames the value {statement.value} of {name}: the release that is live still writes and compares it,"
                " and fails",
                "add the new value, write it, change the rows in batches; leave the old value where it is",
            )
        case "rename attribute" if not new:
            yield Said(
                "rename-column",
                HIGH,
                f"renames {statement.value} of the type {name}: the release that is live asks for it and fails",
                "add another attribute, write both; drop the old one a release later",
            )
        case "drop attribute" if not new:
            yield Said(
                "drop-column",
                HIGH,
                f"drops {statement.value} of the type {name}: its data is gone wherever the type is used",
                "ship a release that no longer names it; drop it with the release after that",
            )
        case "alter attribute" if not new:
            yield Said(
                "column-type-change",
                HIGH,
                f"changes the type of {statement.value} of {name}, and with it every row of a type that uses it",
                "add another attribute, write both; drop the old one a release later",
            )
        case "domain constraint" if not statement.guarded and not new:
            yield from _domain(statement, name)
        case "create domain" if statement.says("CHECK") or statement.says("NOT", "NULL"):
            yield Said(
                "domain-constraint",
                LOW,
                f"the domain {name} carries a constraint: each later change of it is tried on every table that uses"
                " it, under lock",
                "put the CHECK on the tables, where NOT VALID and VALIDATE are to be had",
            )
        case "drop type" | "drop domain" if statement.cascade and not new:
            yield _columns_of_a_type(name)
        case "drop extension" if statement.cascade and any(each in _WITH_TYPES for each in statement.columns):
            yield _columns_of_a_type(f"the extension {name}")


def _columns_of_a_type(what: str) -> Said:
    return Said(
        "drop-column",
        HIGH,
        f"with CASCADE every column of a type of {what} goes, with its data",
        "without CASCADE, once no column uses it: PostgreSQL then refuses where one does",
    )


def _domain(statement: Statement, name: str) -> Iterator[Said]:
    label = next(iter(statement.columns), "")
    check = (
        statement.value[statement.value.upper().find("CHECK") :] if "CHECK" in statement.value.upper() else ""
    )
    label = quoted(label) if label else derived(statement.name, "check")
    check = check if check and not check.endswith("…") else "CHECK (VALUE IS NOT NULL)"
    yield Said(
        "domain-constraint",
        MEDIUM,
        f"a constraint on the domain {name} is tried on every row of every table that uses it, under lock",
        steps(
            f"ALTER DOMAIN {name} ADD CONSTRAINT {label} {check} NOT VALID",
            f"ALTER DOMAIN {name} VALIDATE CONSTRAINT {label}",
            how=APART,
        ),
    )


def _enum_value(statement: Statement, state: State) -> Iterator[Said]:
    if not state.in_transaction:
        return
    name, value = quoted(statement.name), statement.value
    used = state.script.used.get(value, 0) > statement.line
    if state.pg_version < 12:
        why = "ALTER TYPE … ADD VALUE cannot run inside a transaction before PostgreSQL 12"
    elif used:
        why = f"{value} is used in the transaction that adds it to {name}: PostgreSQL refuses that"
    elif state.explicit:
        why = f"{value} of {name} cannot be used before this transaction ends: whatever does, fails"
    else:
        return
    yield Said(
        "enum-add-value-in-transaction",
        HIGH if used or state.pg_version < 12 else MEDIUM,
        why,
        steps(f"ALTER TYPE {name} ADD VALUE {value}", how=f"{ALONE}; use it in the next one"),
    )

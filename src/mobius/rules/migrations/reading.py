"""From tokens to statements: the forms of DDL and of data changes that can hurt; everything else is `other`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

from mobius.rules.migrations.altering import actions_of
from mobius.rules.migrations.changing import Read, changed, dropped, truncated, with_queries
from mobius.rules.migrations.creating import created, for_the_session, published, with_body
from mobius.rules.migrations.cursor import NAMELESS, Cursor, Name, options_in, unquoted
from mobius.rules.migrations.defaults import is_steady
from mobius.rules.migrations.nouns import Action, Statement
from mobius.rules.migrations.sessions import (
    begun,
    committed,
    discard,
    locked,
    pragma,
    prepared,
    release,
    reset,
    rolled_back,
    savepoint,
    setting,
    setting_set,
    started,
)
from mobius.rules.migrations.tokens import Raw


def statement_of(raw: Raw, text: str) -> Statement:
    """What this statement says. Never fails: what is not known is `other`."""
    span = (raw.start, raw.end)
    if raw.broken or raw.meta:
        kind, name = ("broken", raw.broken) if raw.broken else ("meta", raw.meta)
        return Statement(kind, (), raw.line, text, span, name=Name(name))
    cursor = Cursor(raw.tokens)
    plain = Statement("other", cursor.tokens, raw.line, text, span)
    read = _FORMS.get(cursor.peek())
    if read is None:
        return plain
    cursor.at = 1
    return read(cursor, plain)


def _altered(cursor: Cursor, plain: Statement) -> Statement:
    word = cursor.any_of(
        "TABLE",
        "TYPE",
        "DOMAIN",
        "INDEX",
        "VIEW",
        "MATERIALIZED",
        "FOREIGN",
        "SCHEMA",
        "POLICY",
        "PUBLICATION",
    )
    match word:
        case "TABLE":
            return _altered_table(cursor, plain)
        case "TYPE":
            return _altered_type(cursor, plain)
        case "DOMAIN":
            return _altered_domain(cursor, plain)
        case "INDEX" | "VIEW" | "MATERIALIZED" | "FOREIGN":
            cursor.any_of("VIEW", "TABLE")
            kinds = ("rewrite", "rename table", "rename column", "set schema", "drop column")
            return _altered_table(cursor, plain, kinds[:1] if word == "INDEX" else kinds)
        case "SCHEMA":
            name = cursor.name()
            return replace(plain, kind="rename schema", name=name) if cursor.take("RENAME") else plain
        case "POLICY":
            cursor.name()
            cursor.take("ON")
            return replace(plain, kind="rules", tables=(cursor.name(),))
        case "PUBLICATION":
            cursor.name()
            return published(cursor, plain)
    return plain


def _altered_table(cursor: Cursor, plain: Statement, only_kinds: tuple[str, ...] = ()) -> Statement:
    if cursor.take("ALL", "IN", "TABLESPACE"):
        where = Name(f"ALL IN TABLESPACE {cursor.name()}")
        return replace(
            plain,
            kind="alter table",
            tables=(where,),
            actions=(Action("rewrite", name=Name("SET TABLESPACE")),),
        )
    guarded = cursor.skip_if_exists()
    only = cursor.take("ONLY")
    table = cursor.name()
    cursor.take("*")
    actions = actions_of(cursor.rest())
    if only_kinds:
        actions = tuple(each for each in actions if each.kind in only_kinds)
        if not actions:
            return plain
    return replace(plain, kind="alter table", tables=(table,), actions=actions, guarded=guarded, only=only)


def _altered_type(cursor: Cursor, plain: Statement) -> Statement:
    name = cursor.name()
    if cursor.take("ADD", "VALUE"):
        guarded = cursor.skip_if_exists()
        value = cursor.tokens[cursor.at].text if not cursor.done else ""
        return replace(plain, kind="add enum value", name=name, value=value, guarded=guarded)
    if cursor.take("RENAME", "VALUE"):
        value = cursor.tokens[cursor.at].text if not cursor.done else ""
        return replace(plain, kind="rename enum value", name=name, value=value)
    for action, kind in (
        ("RENAME", "rename attribute"),
        ("DROP", "drop attribute"),
        ("ALTER", "alter attribute"),
    ):
        if cursor.take(action, "ATTRIBUTE"):
            cursor.skip_if_exists()
            return replace(plain, kind=kind, name=name, value=cursor.name().written)
    return plain


def _altered_domain(cursor: Cursor, plain: Statement) -> Statement:
    name = cursor.name()
    if cursor.take("ADD"):
        constraint = Name("")
        if cursor.take("CONSTRAINT"):
            constraint = cursor.name()
        what = plain.text[plain.text.upper().find(" ADD ") + 5 :]
        return replace(
            plain,
            kind="domain constraint",
            name=name,
            guarded=plain.says("NOT", "VALID"),
            value=what,
            columns=(constraint,),
        )
    if cursor.take("SET", "NOT", "NULL"):
        return replace(plain, kind="domain constraint", name=name)
    return plain


def _reindex(cursor: Cursor, plain: Statement) -> Statement:
    options = options_in(cursor.brackets())
    what = cursor.any_of("INDEX", "TABLE", "SCHEMA", "DATABASE", "SYSTEM")
    concurrently = cursor.take("CONCURRENTLY") or "CONCURRENTLY" in options
    return replace(plain, kind="reindex", name=cursor.name(), value=what, concurrently=concurrently)


def _vacuum(cursor: Cursor, plain: Statement) -> Statement:
    full = "FULL" in options_in(cursor.brackets())
    while word := cursor.any_of("FULL", "FREEZE", "VERBOSE", "ANALYZE"):
        full = full or word == "FULL"
    return replace(plain, kind="vacuum full" if full else "vacuum", tables=(cursor.name(),))


def _cluster(cursor: Cursor, plain: Statement) -> Statement:
    cursor.brackets()
    cursor.take("VERBOSE")
    return replace(plain, kind="cluster", tables=(cursor.name(),))


def _refresh(cursor: Cursor, plain: Statement) -> Statement:
    cursor.take("MATERIALIZED", "VIEW")
    concurrently = cursor.take("CONCURRENTLY")
    empty = plain.says("WITH", "NO", "DATA")
    return replace(
        plain, kind="other" if empty else "refresh", tables=(cursor.name(),), concurrently=concurrently
    )


def _do(cursor: Cursor, plain: Statement) -> Statement:
    return with_body(replace(plain, kind="do"), plain.tokens)


def _select(cursor: Cursor, plain: Statement) -> Statement:
    into = _new_table(plain)
    if into:
        return replace(plain, kind="create table", tables=(into,), value="filled")
    cursor.take("PG_CATALOG", ".")
    if cursor.take("SET_CONFIG"):
        said = [unquoted(token.text) for token in plain.tokens if token.kind == "string"]
        name, value = (*said, "", "")[:2]
        return setting(plain, Name(name), value, "LOCAL" if plain.says("TRUE") else "")
    return replace(plain, kind="select", value="long" if _takes_time(plain) else "")


def _takes_time(plain: Statement) -> bool:
    """It reads a table, or calls what is not known: `SELECT backfill()`, and not `SELECT setval(…)`."""
    return plain.says("FROM") or any(
        then.word == "(" and token.kind in ("word", "quoted") and not is_steady(token.name)
        for token, then in pairwise(plain.tokens)
    )


def _new_table(plain: Statement) -> Name:
    """`SELECT … INTO t FROM …` makes t."""
    cursor = Cursor(plain.tokens)
    cursor.until("INTO", "FROM")
    if not cursor.take("INTO"):
        return NAMELESS
    temporary = False
    while word := cursor.any_of("TEMPORARY", "TEMP", "UNLOGGED", "TABLE"):
        temporary = temporary or word.startswith("TEMP")
    return for_the_session(cursor.name()) if temporary else cursor.name()


def _plainly(kind: str) -> Callable[[Cursor, Statement], Statement]:
    return lambda cursor, plain: replace(plain, kind=kind)


_FORMS: dict[str, Read] = {
    "ALTER": _altered,
    "CREATE": created,
    "DROP": dropped,
    "TRUNCATE": truncated,
    "WITH": with_queries,
    "UPDATE": changed("update"),
    "DELETE": changed("delete"),
    "INSERT": changed("insert"),
    "REPLACE": changed("insert"),
    "MERGE": changed("merge"),
    "REINDEX": _reindex,
    "VACUUM": _vacuum,
    "CLUSTER": _cluster,
    "REFRESH": _refresh,
    "SET": setting_set,
    "RESET": reset,
    "DISCARD": discard,
    "BEGIN": begun,
    "START": started,
    "COMMIT": committed,
    "END": committed,
    "ROLLBACK": rolled_back,
    "ABORT": rolled_back,
    "PREPARE": prepared,
    "SAVEPOINT": savepoint,
    "RELEASE": release,
    "DO": _do,
    "LOCK": locked,
    "SELECT": _select,
    "PRAGMA": pragma,
    "COPY": _plainly("copy"),
    "CALL": _plainly("call"),
}

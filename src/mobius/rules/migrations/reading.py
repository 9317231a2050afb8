"""From tokens to statements: the forms of DDL and of data changes that can hurt; everything else is `other`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from mobius.rules.migrations.altering import actions_of
from mobius.rules.migrations.columns import column_of, constraint_of, is_constraint
from mobius.rules.migrations.cursor import Cursor, names_in, split
from mobius.rules.migrations.nouns import Column, Constraint, Statement
from mobius.rules.migrations.tokens import Raw

SHOWN = 160  # characters of a statement
_OF_A_TABLE = ("GLOBAL", "LOCAL", "TEMPORARY", "TEMP", "UNLOGGED", "FOREIGN")


def statement_of(raw: Raw, text: str) -> Statement:
    """What this statement says. Never fails: what is not known is `other`."""
    shown = " ".join(text[raw.start : min(raw.end, raw.start + 8 * SHOWN)].split())
    shown = shown if len(shown) <= SHOWN else shown[: SHOWN - 1] + "…"
    if raw.broken or raw.meta:
        return Statement("broken" if raw.broken else "meta", (), raw.line, shown, name=raw.broken or raw.meta)
    plain = Statement("other", tuple(raw.tokens), raw.line, shown)
    cursor = Cursor(raw.tokens)
    if cursor.take("EXPLAIN"):
        return plain
    if cursor.take("WITH"):
        return _with(plain)
    for words, read in _FORMS:
        if cursor.take(*words):
            return read(cursor, plain)
    return plain


def _alter_table(cursor: Cursor, plain: Statement) -> Statement:
    guarded = cursor.skip_if_exists()
    only = cursor.take("ONLY")
    table = cursor.name()
    cursor.take("*")
    actions = actions_of(cursor.rest())
    return replace(plain, kind="alter table", tables=(table,), actions=actions, guarded=guarded, only=only)


def _create(cursor: Cursor, plain: Statement) -> Statement:
    cursor.take("OR", "REPLACE")
    temporary = False
    while word := cursor.any_of(*_OF_A_TABLE):
        temporary = temporary or word in ("TEMPORARY", "TEMP")
    if cursor.take("TABLE"):
        return _create_table(cursor, plain)
    unique = cursor.take("UNIQUE")
    if cursor.take("INDEX"):
        return _create_index(cursor, plain, unique)
    cursor.take("RECURSIVE")
    materialized = cursor.take("MATERIALIZED")
    for word, kind in (("VIEW", "create view"), ("TYPE", "create type"), ("DOMAIN", "create domain")):
        if cursor.take(word):
            cursor.skip_if_exists()
            name = cursor.name()
            if materialized:
                return replace(plain, kind="create table", tables=(name,), name=name)
            return replace(plain, kind=kind, name=name)
    cursor.take("CONSTRAINT")
    if cursor.take("TRIGGER"):
        name = cursor.name()
        cursor.until("ON")
        cursor.take("ON")
        return replace(plain, kind="create trigger", name=name, tables=(cursor.name(),))
    return plain


def _create_table(cursor: Cursor, plain: Statement) -> Statement:
    guarded = cursor.skip_if_exists()
    table = cursor.name()
    parent = cursor.name() if cursor.take("PARTITION", "OF") else ""
    columns: list[Column] = []
    constraints: list[Constraint] = []
    for part in split(cursor.brackets()):
        inner = Cursor(part)
        if is_constraint(inner):
            constraints.append(constraint_of(part))
        elif inner.peek() != "LIKE":
            columns.append(column_of(part))
    every = (*constraints, *(each for column in columns for each in column.constraints))
    kind, name = "create table", parent
    return replace(
        plain,
        kind=kind,
        tables=(table,),
        name=name,
        guarded=guarded,
        constraints=every,
        defined=tuple(columns),
    )


def _create_index(cursor: Cursor, plain: Statement, unique: bool) -> Statement:
    concurrently = cursor.take("CONCURRENTLY")
    guarded = cursor.skip_if_exists()
    name = "" if cursor.peek() == "ON" else cursor.name()
    cursor.take("ON")
    only = cursor.take("ONLY")
    table = cursor.name()
    if cursor.take("USING"):
        cursor.name()
    columns = names_in(cursor.brackets())
    partial = any(token.word == "WHERE" for token in cursor.rest())
    return replace(
        plain,
        kind="create index",
        name=name,
        tables=(table,),
        columns=columns,
        concurrently=concurrently,
        guarded=guarded,
        only=only,
        partial=partial,
        value="unique" if unique else "",
    )


def _drop(cursor: Cursor, plain: Statement) -> Statement:
    kinds = ("TABLE", "INDEX", "DATABASE", "SCHEMA", "OWNED", "VIEW", "DOMAIN", "TYPE", "SEQUENCE")
    cursor.take("FOREIGN")
    word = cursor.any_of(*kinds)
    if not word:
        return plain
    concurrently = cursor.take("CONCURRENTLY")
    guarded = cursor.skip_if_exists()
    names = []
    while name := cursor.name():
        names.append(name)
        if not cursor.take(","):
            break
    cascade = any(token.word == "CASCADE" for token in cursor.rest())
    named = tuple(names)
    return replace(
        plain,
        kind=f"drop {word.lower()}",
        tables=named if word == "TABLE" else (),
        columns=named,
        name=named[0] if named else "",
        concurrently=concurrently,
        guarded=guarded,
        cascade=cascade,
    )


def _truncate(cursor: Cursor, plain: Statement) -> Statement:
    cursor.take("TABLE")
    names = []
    while True:
        cursor.take("ONLY")
        names.append(cursor.name())
        cursor.take("*")
        if not cursor.take(","):
            break
    cascade = any(token.word == "CASCADE" for token in cursor.rest())
    return replace(plain, kind="truncate", tables=tuple(filter(None, names)), cascade=cascade)


def _changed(kind: str) -> Callable[[Cursor, Statement], Statement]:
    def read(cursor: Cursor, plain: Statement) -> Statement:
        cursor.take("FROM") or cursor.take("INTO")
        cursor.take("ONLY")
        return replace(plain, kind=kind, tables=(cursor.name(),))

    return read


def _with(plain: Statement) -> Statement:
    """`WITH rows AS (…) UPDATE t …`: what it does in the end; a change inside of it counts too."""
    depth = 0
    for at, token in enumerate(plain.tokens):
        depth += (token.word == "(") - (token.word == ")")
        if token.word in ("UPDATE", "DELETE", "INSERT") and plain.tokens[at - 1].word in (")", "("):
            inner = Cursor(plain.tokens[at + 1 :])
            return _changed(token.word.lower())(inner, plain)
    return plain


def _alter_type(cursor: Cursor, plain: Statement) -> Statement:
    name = cursor.name()
    if cursor.take("ADD", "VALUE"):
        guarded = cursor.skip_if_exists()
        value = cursor.tokens[cursor.at].text if not cursor.done else ""
        return replace(plain, kind="add enum value", name=name, value=value, guarded=guarded)
    if cursor.take("RENAME", "VALUE"):
        return replace(plain, kind="rename enum value", name=name)
    return plain


def _alter_domain(cursor: Cursor, plain: Statement) -> Statement:
    name = cursor.name()
    if cursor.take("ADD"):
        return replace(plain, kind="domain constraint", name=name, guarded=plain.says("NOT", "VALID"))
    if cursor.take("SET", "NOT", "NULL"):
        return replace(plain, kind="domain constraint", name=name)
    return plain


def _reindex(cursor: Cursor, plain: Statement) -> Statement:
    options = {token.word for token in cursor.brackets()}
    what = cursor.any_of("INDEX", "TABLE", "SCHEMA", "DATABASE", "SYSTEM")
    concurrently = cursor.take("CONCURRENTLY") or "CONCURRENTLY" in options
    return replace(plain, kind="reindex", name=cursor.name(), value=what, concurrently=concurrently)


def _vacuum(cursor: Cursor, plain: Statement) -> Statement:
    options = {token.word for token in cursor.brackets()}
    full = "FULL" in options or cursor.take("FULL")
    while cursor.any_of("FULL", "FREEZE", "VERBOSE", "ANALYZE"):
        pass
    return replace(plain, kind="vacuum full" if full else "vacuum", tables=(cursor.name(),))


def _cluster(cursor: Cursor, plain: Statement) -> Statement:
    cursor.brackets()
    cursor.take("VERBOSE")
    return replace(plain, kind="cluster", tables=(cursor.name(),))


def _set(cursor: Cursor, plain: Statement) -> Statement:
    value = cursor.any_of("LOCAL", "SESSION")
    name = cursor.name()
    while cursor.take("."):
        name = f"{name}.{cursor.name()}"
    return replace(plain, kind="set", name=name, value=value)


def _begin(cursor: Cursor, plain: Statement) -> Statement:
    return replace(plain, kind="begin")


def _commit(cursor: Cursor, plain: Statement) -> Statement:
    return plain if cursor.take("PREPARED") else replace(plain, kind="commit")


def _rollback(cursor: Cursor, plain: Statement) -> Statement:
    cursor.any_of("WORK", "TRANSACTION")
    return plain if cursor.peek() in ("TO", "PREPARED") else replace(plain, kind="rollback")


def _do(cursor: Cursor, plain: Statement) -> Statement:
    body = next((token.text for token in plain.tokens if token.kind in ("dollar", "string")), "")
    tag = body[: body.index("$", 1) + 1] if body.startswith("$") else "'"
    return replace(plain, kind="do", body=body[len(tag) : -len(tag)])


def _lock(cursor: Cursor, plain: Statement) -> Statement:
    cursor.take("TABLE")
    cursor.take("ONLY")
    exclusive = not plain.says("IN") or plain.says("ACCESS", "EXCLUSIVE")
    return replace(plain, kind="lock" if exclusive else "other", tables=(cursor.name(),))


def _select(cursor: Cursor, plain: Statement) -> Statement:
    if cursor.peek() in ("SET_CONFIG", "PG_CATALOG"):
        name = next((token.text.strip("'") for token in plain.tokens if token.kind == "string"), "")
        return replace(plain, kind="set", name=name)
    return replace(plain, kind="select")


def _pragma(cursor: Cursor, plain: Statement) -> Statement:
    name = cursor.name()
    cursor.any_of("=", "(")
    return replace(
        plain,
        kind="pragma",
        name=name,
        value=cursor.tokens[cursor.at].text.lower() if not cursor.done else "",
    )


def _plainly(kind: str) -> Callable[[Cursor, Statement], Statement]:
    return lambda cursor, plain: replace(plain, kind=kind)


_FORMS: tuple[tuple[tuple[str, ...], Callable[[Cursor, Statement], Statement]], ...] = (
    (("ALTER", "TABLE"), _alter_table),
    (("ALTER", "FOREIGN", "TABLE"), _plainly("other")),
    (("ALTER", "TYPE"), _alter_type),
    (("ALTER", "DOMAIN"), _alter_domain),
    (("CREATE",), _create),
    (("DROP",), _drop),
    (("TRUNCATE",), _truncate),
    (("UPDATE",), _changed("update")),
    (("DELETE",), _changed("delete")),
    (("INSERT",), _changed("insert")),
    (("REINDEX",), _reindex),
    (("VACUUM",), _vacuum),
    (("CLUSTER",), _cluster),
    (("SET",), _set),
    (("BEGIN",), _begin),
    (("START", "TRANSACTION"), _begin),
    (("COMMIT",), _commit),
    (("END",), _commit),
    (("ROLLBACK",), _rollback),
    (("ABORT",), _rollback),
    (("DO",), _do),
    (("LOCK",), _lock),
    (("SELECT",), _select),
    (("PRAGMA",), _pragma),
    (("COPY",), _plainly("copy")),
    (("CALL",), _plainly("call")),
)


def inner_statements(body: str) -> Iterator[Statement]:
    """The statements of a DO block that can be read as they stand; loops and conditions around them are left out."""
    from mobius.rules.migrations.tokens import statements

    looping = 0
    for raw in statements(body):
        words = [token.word for token in raw.tokens]
        looping += words.count("LOOP") - 2 * (words[:2] == ["END", "LOOP"])
        while raw.tokens and raw.tokens[0].word in ("BEGIN", "THEN", "ELSE", "LOOP", "DECLARE", "EXCEPTION"):
            raw.tokens = raw.tokens[1:]
        for opener in ("THEN", "LOOP"):
            found = [token.word for token in raw.tokens[:60]]
            if (
                raw.tokens
                and raw.tokens[0].word in ("IF", "ELSIF", "FOR", "WHILE", "FOREACH", "WHEN")
                and opener in found
            ):
                raw.tokens = raw.tokens[found.index(opener) + 1 :]
        if raw.tokens:
            raw.start = raw.tokens[0].at
            read = statement_of(raw, body)
            if not (looping > 0 and read.kind in ("update", "delete", "insert")):
                yield read

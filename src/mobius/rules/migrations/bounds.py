"""Whether an UPDATE or DELETE is held to a bounded number of rows by its own words."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import date

from mobius.model.numbers import whole
from mobius.rules.migrations.cursor import Cursor, bare, names_in, split, unquoted
from mobius.rules.migrations.nouns import Statement
from mobius.rules.migrations.tokens import Token

DEEPEST = 50  # brackets within brackets, of AND and OR
MOST_DAYS = 31  # of a range of time that still counts as one
MOST_ROWS = 100_000  # of a range of numbers that still counts as a batch
_NAMES = """
    id uuid guid pk key code name slug email version version_num ctid rowid username login sku flag feature setting
    token hash phone number reference ref isbn iban iso symbol domain host hostname url path handle serial
"""
_FEW = frozenset(_NAMES.split())
# Tables that hold a few rows by what they are: an equality is enough there.
_FEW_ROWS = """
    app_config app_settings auth_group auth_permission config configs configuration configurations content_types
    countries currencies django_content_type feature_flag feature_flags features flags
    languages locales parameters permission permissions plan plans properties role role_permissions roles setting
    settings site_settings
    system_settings
"""
_SMALL = frozenset(_FEW_ROWS.split())
_ENDS = ("_id", "_uuid", "_key", "_code", "_slug", "_name", "_email", "_pk")
_CONSTANTS = ("string", "number", "param", "dollar")
_FROM = Token("word", "FROM", "FROM", -1)
_AND = Token("word", "AND", "AND", -1)
_WITH_FROM = ("EXTRACT", "SUBSTRING", "TRIM", "OVERLAY")  # functions with a FROM between their arguments
_AFTER = ("RETURNING", "ORDER", "LIMIT", "WHEN", "CONFLICT")


def why_unbounded(statement: Statement) -> str:
    """Why it may change very many rows; "" when its words name few, a range, or a LIMIT."""
    before, after = statement.tokens[: statement.verb], Cursor(statement.tokens[statement.verb + 1 :])
    if statement.kind == "merge":
        after.up_to("USING")
        source = after.up_to("WHEN")
        return "" if limited(before) or limited(source) or _says(source, "VALUES") else "changes every row"
    after.up_to("FROM", "USING", "WHERE", *_AFTER) if statement.kind == "update" else None
    joined = after.up_to("WHERE", *_AFTER)
    if not after.take("WHERE"):
        return "" if limited(after.rest()) else "changes every row"
    where = after.up_to(*_AFTER)
    if limited(before) or limited(joined) or limited(where) or limited(after.rest()):
        return ""
    if _says(where, "=") and (statement.table.lower() in _SMALL or _joins_values(before, joined)):
        return ""
    if _bounded(where):
        return ""
    return "is not held to few rows"


def _joins_values(before: Sequence[Token], joined: Sequence[Token]) -> bool:
    """`UPDATE t … FROM (VALUES …) v WHERE v.id = t.id`: as many rows as are written there. Also by a name that WITH
    gives them, and of DELETE … USING."""
    words = [token.word for token in joined]
    begins = [place for place, word in enumerate(words) if word in ("FROM", "USING")]
    if not begins:
        return False
    at = words.index("USING") if "USING" in words else begins[0]
    each = [(_FROM, *part) for part in split(joined[at + 1 :])]
    source = [_FROM if token.word == "JOIN" else token for part in (before, *each) for token in part]
    return _says(source, "VALUES") and not reads_a_table(source)


def reads_a_table(tokens: Sequence[Token]) -> bool:
    """Whether rows come from a table: not from VALUES, from a function or from what WITH names."""
    words = [token.word for token in tokens]
    before = ["", "", "", *words]  # before[at] stands three tokens ahead of words[at]
    named = {
        token.name
        for at, token in enumerate(tokens)
        if before[at + 2] in ("WITH", "RECURSIVE") or before[at + 1 : at + 3] == [")", ","]
    }
    for at, word in enumerate(words):
        if word == "FROM" and before[at + 2] != "DISTINCT" and before[at] not in _WITH_FROM:
            cursor = Cursor(tokens[at + 1 :])
            cursor.take("ONLY")
            table = cursor.name()
            if table and cursor.peek() != "(" and (table.schema or str(table) not in named):
                return True
    return False


def limited(tokens: Sequence[Token]) -> bool:
    """`LIMIT 5000`, `FETCH FIRST 5000 ROWS ONLY`, `LIMIT $1`; not `LIMIT ALL`, nor a number that is no batch."""
    for place, token in enumerate(tokens):
        if token.word in ("LIMIT", "FETCH"):
            after = [each for each in tokens[place + 1 : place + 3] if each.word not in ("FIRST", "NEXT")]
            if not after or after[0].word == "ALL":
                continue
            most = whole(after[0].text)
            if most is None or most <= MOST_ROWS:
                return True
    return False


def _says(tokens: Sequence[Token], word: str) -> bool:
    return any(token.word == word for token in tokens)


def _bounded(where: Sequence[Token], depth: int = 0) -> bool:
    """Each alternative must name few rows; of what is asked together, one is enough."""
    where = bare(where)
    if depth > DEEPEST:
        return False
    alternatives = split(where, "OR")
    if len(alternatives) > 1:
        return all(_bounded(each, depth + 1) for each in alternatives)
    together = _conditions(where)
    if len(together) > 1:
        return any(_bounded(each, depth + 1) for each in together) or _is_a_range(together)
    return bool(together) and _names_few(together[0])


def _conditions(where: Sequence[Token]) -> list[tuple[Token, ...]]:
    """What AND joins; the AND of a BETWEEN joins nothing."""
    parts: list[tuple[Token, ...]] = []
    for part in split(where, "AND"):
        if parts and _says(parts[-1], "BETWEEN") and not _says(parts[-1], "AND"):
            parts[-1] = (*parts[-1], _AND, *part)
        else:
            parts.append(part)
    return parts


def _names_few(condition: Sequence[Token]) -> bool:
    """`id = 5`, `key IN ('a', 'b')`, `id BETWEEN 1 AND 5000`, `ctid = ANY (…)`, `CURRENT OF …`."""
    cursor = Cursor(condition)
    if cursor.take("CURRENT", "OF") or cursor.take("FALSE"):
        return True
    if not cursor.done and condition[0].kind in _CONSTANTS and cursor.peek(1) == "=":  # 5 = id
        return _is_a_key(Cursor(condition[2:]).name())
    column = _key_of(names_in(cursor.brackets())) if cursor.peek() == "(" else _column(cursor)
    if column == "ctid" or cursor.take("BETWEEN"):
        said = (whole(token.text) for token in condition if token.kind == "number")
        numbers = [number for number in said if number is not None]
        if column == "ctid" or len(numbers) == 2:
            return column == "ctid" or numbers[1] - numbers[0] <= MOST_ROWS
        return not _spans_a_long_time(condition)
    if not _is_a_key(column):
        return False
    if cursor.any_of("<", "<="):
        last = whole(condition[-1].text)
        return last is not None and last <= MOST_ROWS
    if cursor.take("IN", "("):
        return _is_constant(cursor)
    return cursor.take("=") and (
        _is_constant(cursor) or cursor.peek() in ("ANY", "(") or cursor.peek(1) in ("(", "->>")
    )


def _column(cursor: Cursor) -> str:
    """The column that is asked for, out of `lower(users.email)` too."""
    if cursor.peek(1) == "(":
        cursor.name()
        return str(Cursor(cursor.brackets()).name()).lower()
    return str(cursor.name()).lower()


def _is_constant(cursor: Cursor) -> bool:
    ahead = Cursor(cursor.tokens[cursor.at :])
    if ahead.take("VALUES", "(") or ahead.take("("):  # of rows: IN (VALUES (1), (2)), IN ((1, 'a'), (2, 'b'))
        return not ahead.done and ahead.tokens[ahead.at].kind in _CONSTANTS
    return not ahead.done and (
        ahead.tokens[0].kind in _CONSTANTS or ahead.peek() in ("TRUE", "FALSE", ":", "-")
    )


def _key_of(columns: Sequence[str]) -> str:
    """Of `(tenant, code) IN (…)` the column that is a key by itself, "" where none is."""
    return next((str(column) for column in columns if _is_a_key(column)), "")


def _is_a_key(column: str) -> bool:
    name = column.lower()
    return name in _FEW or name.endswith(_ENDS)


def _is_a_range(conditions: Sequence[Sequence[Token]]) -> bool:
    """`at >= … AND at < …`: one column with a floor and a ceiling."""
    floors, ceilings, bounds = set(), set(), list[Token]()
    for condition in conditions:
        cursor = Cursor(condition)
        column = _column(cursor)
        if cursor.any_of("<", "<="):
            ceilings.add(column)
            bounds += condition
        elif cursor.any_of(">", ">="):
            floors.add(column)
            bounds += condition
    of_both = floors & ceilings
    return bool(of_both) and "" not in of_both and not _spans_a_long_time(bounds)


def _spans_a_long_time(tokens: Sequence[Token]) -> bool:
    """Two dates that are farther apart than a batch is."""
    dates = []
    for token in tokens:
        if token.kind == "string":
            with suppress(ValueError):
                dates.append(date.fromisoformat(unquoted(token.text)[:10]))
    return bool(dates) and (max(dates) - min(dates)).days > MOST_DAYS

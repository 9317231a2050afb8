"""Which query broke: read from what a PostgreSQL server said, or from what the service itself said. Never a value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from mobius.model.trial import Broken
from mobius.rules.migrations.tokens import statements

LONGEST = 200  # characters of a query
MOST = 5
# PostgreSQL's own form of a line ("… [PID] ERROR:  …"), and what goes on in the next begins with a tab.
_SAID = re.compile(r"^.*?\[(?P<pid>\d+)\].*? (?P<what>[A-Z]+):  (?P<text>.*)$")
# What follows may quote a value: "invalid input syntax for type integer: "abc"".
_QUOTED_VALUE = re.compile(r""": (?:"[^"]*"|'[^']*')(?= |$)""")
_NAME = r"""["'`]?[\w.$-]+["'`]?"""
_REFUSED = re.compile(
    rf"""(
    no\ such\ (?:column|table|index|view|function):\ {_NAME}
    | table\ {_NAME}\ has\ (?:no\ column\ named\ {_NAME}|\d+\ columns\ but\ \d+\ values\ were\ supplied)
    | (?:NOT\ NULL|UNIQUE|CHECK|FOREIGN\ KEY)\ constraint\ failed(?::\ {_NAME}(?:,\ {_NAME})*)?
    | cannot\ (?:INSERT|UPDATE|modify)\ [\w\ ]*\b(?:column|table|view)\b\ {_NAME}
    | datatype\ mismatch
    | (?:column|relation|function|type|schema|table|view)\ {_NAME}(?:\([^)]*\))?
      \ (?:of\ relation\ {_NAME}\ )?does\ not\ exist
    | null\ value\ in\ column\ {_NAME}(?:\ of\ relation\ {_NAME})?\ violates\ not-null\ constraint
    | (?:insert\ or\ update|update\ or\ delete)\ on\ table\ {_NAME}\ violates\ foreign\ key\ constraint\ {_NAME}
    | new\ row\ for\ relation\ {_NAME}\ violates\ check\ constraint\ {_NAME}
    | duplicate\ key\ value\ violates\ unique\ constraint\ {_NAME}
    | operator\ does\ not\ exist:\ [\w\ .\[\]"]+\S\ [\w\ .\[\]"]+
    | column\ {_NAME}\ is\ of\ type\ [\w\ ]+\ but\ expression\ is\ of\ type\ [\w\ ]+
    | permission\ denied\ for\ (?:table|relation|schema|sequence|view)\ {_NAME}
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_QUERY = re.compile(
    r"\[SQL: (.+?)\]?\s*$|(?:LINE \d+|QUERY): (.+)$|\bsql: '(.+)'|\bsql: \"(.+)\"|\bsql: `(.+)`"
)
_VALUES = ("string", "dollar", "number", "escaped")
_FOLLOWS = 6  # lines within which a service tells the query after its error


def from_server(log: str) -> tuple[Broken, ...]:
    """Every query that the server refused, once, in their order. `log`: what it said while the release ran."""
    found: dict[Broken, None] = {}
    error: dict[str, str] = {}
    for pid, what, text in _said(log):
        if what == "ERROR":
            if pid in error:
                found[Broken("", error[pid])] = None
            error[pid] = without_values(text)
        elif what == "STATEMENT" and pid in error:
            found[Broken(without_literals(text), error.pop(pid))] = None
    found |= {Broken("", text): None for text in error.values()}
    return tuple(found)[:MOST]


def from_service(lines: Iterable[str]) -> tuple[Broken, ...]:
    """The same by the words of the service: what SQLite or a driver says in them, with the query where it is told."""
    said = list(lines)
    found: dict[Broken, None] = {}
    for at, line in enumerate(said):
        for refused in _REFUSED.finditer(line):
            told = (_QUERY.search(each) for each in said[at : at + _FOLLOWS])
            query = next((str(match[match.lastindex or 0]) for match in told if match), "")
            found[Broken(without_literals(query), refused[0])] = None
    with_query = {each.error for each in found if each.query}
    return tuple(each for each in found if each.query or each.error not in with_query)[:MOST]


def without_literals(sql: str) -> str:
    """The statement on one line, shortened, with a ? for each value in it, and without comments."""
    shown, end = "", 0
    for raw in statements(sql):
        for token in raw.tokens:
            between = " " if shown and token.at > end else ""
            shown += between + ("?" if token.kind in _VALUES else token.text)
            end = token.at + len(token.text)
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…"


def without_values(message: str) -> str:
    """An error message of a server without the value that it quotes."""
    short = re.sub(r" at character \d+$", "", message.strip())
    return _QUOTED_VALUE.sub("", short)[:LONGEST]


def _said(log: str) -> Iterator[tuple[str, str, str]]:
    """(process, kind, text) of each thing said, continued lines joined."""
    now: tuple[str, str, str] | None = None
    for line in log.splitlines():
        if line.startswith("\t") and now is not None:
            now = (now[0], now[1], f"{now[2]}\n{line[1:]}")
            continue
        if now is not None:
            yield now
        match = _SAID.match(line)
        now = (match["pid"], match["what"], match["text"]) if match else None
    if now is not None:
        yield now

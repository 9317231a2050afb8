"""The statements of a DO block or a function that stand in it as they are, and those that it executes from a string."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from mobius.rules.migrations.bounds import limited, why_unbounded
from mobius.rules.migrations.composed import Composed
from mobius.rules.migrations.nouns import Statement
from mobius.rules.migrations.reading import statement_of
from mobius.rules.migrations.tokens import Raw, Token, statements

_OPENERS = ("BEGIN", "THEN", "ELSE", "LOOP", "DECLARE", "EXCEPTION")
_CONDITIONS = ("IF", "ELSIF", "ELSEIF", "FOR", "WHILE", "FOREACH", "WHEN", "EXCEPTION", "CASE")
_CONTROL = ("begin", "rollback to", "savepoint")
_CHANGES = ("update", "delete", "insert", "merge")
_COMMIT = re.compile(r"\bCOMMIT\b", re.IGNORECASE)


def inner_statements(block: Statement, text: str) -> Iterator[Statement]:
    """The statements of this DO block or function, without the loops and conditions around them. Changes of rows in a
    loop are left out where they go in batches. Lines are those of the file."""
    loops: list[str] = []  # of each that is open, what its rounds are
    commits = _COMMIT.search(block.body) is not None
    composed = Composed()
    first = block.line + text.count("\n", block.span[0], block.verb)
    for raw in statements(block.body):
        words = [token.word for token in raw.tokens]
        if words[:2] == ["END", "LOOP"]:
            loops = loops[:-1]
        else:
            loops += ["batches" if commits else _rounds_of(raw.tokens)] * words.count("LOOP")
        composed.note(raw.tokens)
        _unwrap(raw, block.body)
        for read in _read(raw, block.body, composed):
            if read.kind in _CONTROL or (read.kind in _CHANGES and _is_a_batch(read, loops)):
                continue
            once = not loops or commits
            yield replace(read, line=first + read.line - 1, comments=tuple(raw.comments), repeated=not once)


def _is_a_batch(change: Statement, loops: list[str]) -> bool:
    if "batches" in loops or (loops and change.kind == "insert"):
        return True
    return bool(loops) and "endless" not in loops and not why_unbounded(change)


def _rounds_of(header: list[Token]) -> str:
    """`rows` of `FOR r IN SELECT … LOOP`, a round for each row of all of them, and `endless` of a LOOP or a WHILE
    that goes on until nothing is left: all of it in one transaction."""
    words = [token.word for token in header]
    if "FOR" in words and ("SELECT" in words or "WITH" in words):
        return "batches" if limited(header) else "rows"
    return "batches" if "FOR" in words or "FOREACH" in words else "endless"


def _unwrap(raw: Raw, body: str) -> None:
    """Takes away `BEGIN`, `IF … THEN`, `FOR … LOOP` and their like in front of the statement itself."""
    begun = raw.tokens[:1]
    while raw.tokens:
        words = [token.word for token in raw.tokens[:80]]
        if words[0] in _CONDITIONS and (end := _first(words, ("THEN", "LOOP"))):
            raw.tokens = raw.tokens[end + 1 :]
        elif words[0] in _OPENERS:
            raw.tokens = raw.tokens[1:]
        elif words[:2] == ["<", "<"] and ">" in words:  # <<label>>
            raw.tokens = raw.tokens[words.index(">") + 2 :]
        else:
            break
    if raw.tokens and raw.tokens[:1] != begun:
        raw.line += body.count("\n", raw.start, raw.tokens[0].at)
        raw.start = raw.tokens[0].at


def _first(words: list[str], wanted: tuple[str, ...]) -> int:
    return next((at for at, word in enumerate(words) if word in wanted), 0)


def _read(raw: Raw, body: str, composed: Composed) -> Iterator[Statement]:
    if raw.broken or not raw.tokens:
        return
    if raw.tokens[0].word == "EXECUTE" and (dynamic := composed.text_of(raw.tokens[1:])):
        for each in statements(dynamic):
            yield replace(statement_of(each, dynamic), line=raw.line)
    elif raw.tokens[0].word == "PERFORM":
        raw.tokens[0] = raw.tokens[0]._replace(word="SELECT")
        yield statement_of(raw, body)
    else:
        read = statement_of(raw, body)
        into_a_variable = raw.tokens[0].word == "SELECT" and read.kind == "create table"
        value = "long" if read.says("FROM") else ""
        yield replace(read, kind="select", tables=(), value=value) if into_a_variable else read

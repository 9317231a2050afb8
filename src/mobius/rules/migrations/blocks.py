"""The statements of a DO block or a function that stand in it as they are, and those that it executes from a string."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from mobius.rules.migrations.bounds import limited, why_unbounded
from mobius.rules.migrations.cursor import unquoted
from mobius.rules.migrations.nouns import Statement
from mobius.rules.migrations.reading import statement_of
from mobius.rules.migrations.tokens import Raw, Token, statements

_OPENERS = ("BEGIN", "THEN", "ELSE", "LOOP", "DECLARE", "EXCEPTION")
_CONDITIONS = ("IF", "ELSIF", "ELSEIF", "FOR", "WHILE", "FOREACH", "WHEN", "EXCEPTION", "CASE")
_CONTROL = ("begin", "rollback to", "savepoint")
_CHANGES = ("update", "delete", "insert", "merge")
_COMMIT = re.compile(r"\bCOMMIT\b", re.IGNORECASE)
_FORMAT = re.compile(r"%(?:\d+\$)?([ILs])")


def inner_statements(block: Statement, text: str) -> Iterator[Statement]:
    """The statements of this DO block or function, without the loops and conditions around them. Changes of rows in a
    loop are left out where they go in batches. Lines are those of the file."""
    loops: list[bool] = []  # of each that is open, whether its rounds are batches
    commits = _COMMIT.search(block.body) is not None
    first = block.line + text.count("\n", block.span[0], block.verb)
    for raw in statements(block.body):
        words = [token.word for token in raw.tokens]
        if words[:2] == ["END", "LOOP"]:
            loops = loops[:-1]
        else:
            loops += [commits or _in_batches(raw.tokens)] * words.count("LOOP")
        _unwrap(raw, block.body)
        for read in _read(raw, block.body):
            in_batches = any(loops) or (loops and (read.kind == "insert" or not why_unbounded(read)))
            if read.kind in _CONTROL or (read.kind in _CHANGES and in_batches):
                continue
            yield replace(read, line=first + read.line - 1, comments=tuple(raw.comments))


def _in_batches(header: list[Token]) -> bool:
    """Not `FOR r IN SELECT … LOOP`, a round for each row of all of them, in one transaction."""
    words = [token.word for token in header]
    rows = "FOR" in words and ("SELECT" in words or "WITH" in words)
    return not rows or limited(header)


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


def _read(raw: Raw, body: str) -> Iterator[Statement]:
    if raw.broken or not raw.tokens:
        return
    if raw.tokens[0].word == "EXECUTE" and (dynamic := _executed(raw.tokens[1:])):
        for each in statements(dynamic):
            yield replace(statement_of(each, dynamic), line=raw.line)
    elif raw.tokens[0].word == "PERFORM":
        raw.tokens[0] = raw.tokens[0]._replace(word="SELECT")
        yield statement_of(raw, body)
    else:
        read = statement_of(raw, body)
        into_a_variable = raw.tokens[0].word == "SELECT" and read.kind == "create table"
        yield replace(read, kind="select", tables=(), value="long") if into_a_variable else read


def _executed(tokens: list[Token]) -> str:
    """What `EXECUTE 'ALTER TABLE ' || name || …` runs, with a name in the place of what is only known then."""
    text, computed = "", False
    formatted = bool(tokens) and tokens[0].word == "FORMAT"
    for token in tokens:
        if token.word in ("USING", "INTO"):
            break
        if token.kind in ("string", "dollar"):
            if formatted and text:
                break
            text += ('"…"' if computed and text else "") + unquoted(token.text)
            computed = False
        elif token.kind in ("word", "quoted"):
            computed = True
    if computed and text and not formatted:
        text += '"…"'
    return _FORMAT.sub(lambda found: "'…'" if found[1] == "L" else '"…"', text) if formatted else text

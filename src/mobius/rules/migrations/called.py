"""Functions that a script makes and then calls itself: what they do, the script does."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from mobius.rules.migrations.blocks import inner_statements
from mobius.rules.migrations.nouns import Statement

_LANGUAGES = ("SQL", "PLPGSQL")


class Functions:
    """Those of one script. Each is looked into once: two calls of it have the same hazards, on the same lines."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._made: dict[str, Statement] = {}

    def within(self, statement: Statement) -> tuple[Statement, ...]:
        """What runs inside of this statement: the statements of a DO block, and of every function that it calls."""
        if statement.kind == "create function":
            if statement.body and any(
                token.text.strip("'").upper() in _LANGUAGES for token in statement.tokens
            ):
                self._made[str(statement.name)] = statement
            return ()
        return tuple(self._inside(statement))

    def _inside(self, statement: Statement) -> Iterator[Statement]:
        if statement.kind == "do":
            yield from self._each(statement)
        elif statement.kind in ("select", "call") and self._made:
            for token, then in pairwise(statement.tokens):
                if then.word == "(" and (made := self._made.pop(token.name, None)):
                    yield from self._each(made)

    def _each(self, block: Statement) -> Iterator[Statement]:
        for each in inner_statements(block, self._text):
            yield each
            yield from self._inside(each)

"""A migration for PostgreSQL, cut into its statements: what ends the transaction, and what cannot run in one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mobius.adapters.migrations.source import Statement
from mobius.errors import GateFailed
from mobius.rules.migrations.tokens import Raw, statements

_BEGINS = ("BEGIN", "START")
_ENDS = ("COMMIT", "END")
_CONTROLS = (*_BEGINS, *_ENDS, "ROLLBACK", "ABORT")
_DATA = ("INSERT", "UPDATE", "DELETE", "SELECT", "WITH", "VALUES")
_WORDS = 40
_SETS = ("SET", "RESET")
_MAY_COMMIT = re.compile("commit|rollback|call", re.IGNORECASE)  # of any language: spi_commit, plpy.commit


@dataclass(frozen=True, slots=True)
class Script:
    """`transactional`: it runs in one transaction, together with its record."""

    statements: tuple[Statement, ...]
    transactional: bool
    sets_lock_timeout: bool


@lru_cache(maxsize=4)  # it is asked before and when it is run
def script_of(text: str, path: Path, *, transactional: bool = True, may_begin: bool = False) -> Script:
    """What is run of a text. `transactional`: False where its tool says that it must run outside of a transaction.

    Raises GateFailed for a text without a statement, an unclosed quote, what only psql knows, statements that begin or
    end a transaction (but for one around everything, where `may_begin`), and a mixture of statements that need one and
    that must not be in one.
    """
    cut = [_Cut.of(_sound(raw, path), text) for raw in statements(text)]
    inside = _without_its_own_transaction(cut) if may_begin else cut
    if len(inside) < len(cut):
        cut, transactional = inside, True
    if not cut:
        raise GateFailed(f"migration {path} holds no statement", "write its SQL, or remove the file")
    alone = [each for each in cut if stands_alone(each.words)]
    _refuse_control(cut, path, transactional=transactional)
    if transactional:
        _refuse_mixture(cut, alone, path)
    sets = any(each.head == "SET" and "LOCK_TIMEOUT" in each.words[:4] for each in cut)
    return Script(tuple(each.statement for each in cut), transactional and not alone, sets)


@dataclass(frozen=True, slots=True)
class _Cut:
    """A statement with the words that say what it is. Rows of data may be many: of them there is only the first."""

    statement: Statement
    words: tuple[str, ...]

    @property
    def head(self) -> str:
        return self.words[0] if self.words else ""

    @classmethod
    def of(cls, raw: Raw, text: str) -> _Cut:
        tokens = raw.tokens[:1] if raw.tokens and raw.tokens[0].word in _DATA else raw.tokens[:_WORDS]
        words = tuple(token.word or token.text for token in tokens)
        return cls(Statement(text[raw.start : raw.end].strip().rstrip(";"), raw.line), words)


def stands_alone(words: Sequence[str]) -> bool:
    """Whether PostgreSQL refuses it inside a transaction."""
    head = [word for word in words[:3] if word not in ("UNIQUE", "ONLY")]
    match head:
        case ["VACUUM", *_] | ["ALTER", "SYSTEM", *_]:
            return True
        case ["CREATE" | "DROP", "INDEX", *_] | ["REINDEX", "INDEX" | "TABLE", *_]:
            return "CONCURRENTLY" in words[:6]
        case ["CREATE" | "DROP", "DATABASE" | "TABLESPACE" | "SUBSCRIPTION", *_]:
            return True
        case ["REINDEX", "DATABASE" | "SYSTEM" | "SCHEMA" | "(", *_]:
            return head[1] != "(" or "CONCURRENTLY" in words[:8]
        case ["ALTER", "TABLE", *_]:
            return "DETACH" in words and "CONCURRENTLY" in words
    return False


def _sound(raw: Raw, path: Path) -> Raw:
    if raw.broken:
        raise GateFailed(
            f"migration {path} cannot be read: {raw.broken} (line {raw.line})",
            "close it before the end of the file",
        )
    if raw.meta:
        word = raw.meta.split()[0]
        raise GateFailed(
            f"migration {path} uses {word} (line {raw.line})", "remove it: only psql knows such commands"
        )
    if raw.tokens and raw.tokens[0].word == "COPY" and any(token.word == "STDIN" for token in raw.tokens):
        raise GateFailed(
            f"migration {path} uses COPY … FROM STDIN (line {raw.line})",
            "write INSERT statements: only psql can read rows from its script",
        )
    return raw


def _without_its_own_transaction(cut: list[_Cut]) -> list[_Cut]:
    """Without a BEGIN and a COMMIT around everything, but for settings before and after: ours is that transaction."""
    begins = [number for number, each in enumerate(cut) if each.head in _BEGINS]
    ends = [number for number, each in enumerate(cut) if each.head in _ENDS]
    if len(begins) == len(ends) == 1 and begins[0] < ends[0]:
        around = (*cut[: begins[0]], *cut[ends[0] + 1 :])
        if all(each.head in _SETS for each in around):
            return [each for number, each in enumerate(cut) if number not in (begins[0], ends[0])]
    return cut


def ends_transactions(statement: Statement) -> bool:
    """Whether it may commit what it did so far by itself, outside of a transaction: a procedure, or a DO that has the
    words for it. Then it is there in part when it fails."""
    head = statement.sql.split(None, 1)[0].upper()
    return head == "CALL" or (head == "DO" and _MAY_COMMIT.search(statement.sql) is not None)


def _refuse_control(cut: list[_Cut], path: Path, *, transactional: bool) -> None:
    for each in cut:
        control = each.head if each.head in _CONTROLS else ""
        if each.words[:2] == ("PREPARE", "TRANSACTION"):
            control = "PREPARE TRANSACTION"
        if control:
            raise GateFailed(
                f"migration {path} uses {control} (line {each.statement.line})",
                "remove it: each migration already runs in one transaction, together with its record"
                if transactional
                else "give that transaction a migration of its own: this one runs outside of any",
            )


def _refuse_mixture(cut: list[_Cut], alone: list[_Cut], path: Path) -> None:
    if not alone:
        return
    others = [each for each in cut if each not in alone and each.head not in _SETS]
    if others:
        words = " ".join(word for word in alone[0].words[:4] if word.isalpha())
        raise GateFailed(
            f"migration {path} has a statement that cannot run in a transaction,"
            f" {words}… (line {alone[0].statement.line}),"
            f" and others that should (line {others[0].statement.line})",
            "give it a migration of its own",
        )

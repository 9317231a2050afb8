"""A migration for PostgreSQL, cut into its statements: what ends the transaction, and what cannot run in one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mobius.adapters.migrations.source import Statement
from mobius.errors import GateFailed
from mobius.rules.migrations.tokens import Raw, statements

_BEGINS = ("BEGIN", "START")
_ENDS = ("COMMIT", "END")
_CONTROLS = (*_BEGINS, *_ENDS, "ROLLBACK", "ABORT", "PREPARE TRANSACTION")
_SETS = ("SET", "RESET")


@dataclass(frozen=True, slots=True)
class Script:
    """`transactional`: it runs in one transaction, together with its record."""

    statements: tuple[Statement, ...]
    transactional: bool
    sets_lock_timeout: bool


def script_of(text: str, path: Path, *, transactional: bool = True, may_begin: bool = False) -> Script:
    """What is run of a text. `transactional`: False where its tool says that it must run outside of a transaction.

    Raises GateFailed for a text without a statement, an unclosed quote, what only psql knows, statements that would end
    the transaction, and for a mixture of statements that need one and that must not be in one.
    """
    raws = [_sound(raw, path) for raw in statements(text)]
    if may_begin and transactional:
        raws = _without_its_own_transaction(raws)
    if not raws:
        raise GateFailed(f"migration {path} holds no statement", "write its SQL, or remove the file")
    found = tuple(Statement(text[raw.start : raw.end].strip().rstrip(";"), raw.line) for raw in raws)
    sets = any(
        _is(raw, "SET") and any(token.word == "LOCK_TIMEOUT" for token in raw.tokens[:4]) for raw in raws
    )
    alone = [raw for raw in raws if stands_alone(_words(raw))]
    if transactional:
        _refuse_control(raws, path)
        _refuse_mixture(raws, alone, path)
    return Script(found, transactional and not alone, sets)


def stands_alone(words: Sequence[str]) -> bool:
    """Whether PostgreSQL refuses it inside a transaction."""
    head = [word for word in words[:3] if word not in ("UNIQUE", "ONLY")]
    match head:
        case ["VACUUM", *_] | ["ALTER", "SYSTEM", *_]:
            return True
        case ["CREATE" | "DROP" | "REINDEX", "INDEX" | "TABLE" | "SCHEMA", *_]:
            return "CONCURRENTLY" in words[:6] or (head[0] == "REINDEX" and head[1] == "SCHEMA")
        case ["CREATE" | "DROP", "DATABASE" | "TABLESPACE" | "SUBSCRIPTION", *_]:
            return True
        case ["REINDEX", "DATABASE" | "SYSTEM", *_] | ["REINDEX", "(", *_]:
            return head[1] != "(" or "CONCURRENTLY" in words[:8]
        case ["ALTER", "TABLE", *_]:
            return "DETACH" in words and "CONCURRENTLY" in words
    return False


def words_of(sql: str) -> list[str]:
    """The first words of a statement in upper case; quoted names and marks as they are."""
    return next((_words(raw) for raw in statements(sql)), [])


def _words(raw: Raw) -> list[str]:
    return [token.word or token.text for token in raw.tokens[:40]]


def _is(raw: Raw, *words: str) -> bool:
    return bool(raw.tokens) and raw.tokens[0].word in words


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
    words = _words(raw)
    if words[:1] == ["COPY"] and "STDIN" in words:
        raise GateFailed(
            f"migration {path} uses COPY … FROM STDIN (line {raw.line})",
            "write INSERT statements: only psql can read rows from its script",
        )
    return raw


def _without_its_own_transaction(raws: list[Raw]) -> list[Raw]:
    """Without a BEGIN and a COMMIT around everything, but for settings before and after: ours is that transaction."""
    begins = [number for number, raw in enumerate(raws) if _is(raw, *_BEGINS)]
    ends = [number for number, raw in enumerate(raws) if _is(raw, *_ENDS)]
    if len(begins) == len(ends) == 1 and begins[0] < ends[0]:
        around = (*raws[: begins[0]], *raws[ends[0] + 1 :])
        if all(_is(raw, *_SETS) for raw in around):
            return [raw for number, raw in enumerate(raws) if number not in (begins[0], ends[0])]
    return raws


def _refuse_control(raws: list[Raw], path: Path) -> None:
    for raw in raws:
        words = _words(raw)
        control = words[0] if words and words[0] in _CONTROLS else ""
        if words[:2] == ["PREPARE", "TRANSACTION"]:
            control = "PREPARE TRANSACTION"
        if control:
            raise GateFailed(
                f"migration {path} uses {control} (line {raw.line})",
                "remove it: each migration already runs in one transaction, together with its record",
            )


def _refuse_mixture(raws: list[Raw], alone: list[Raw], path: Path) -> None:
    others = [raw for raw in raws if raw not in alone and not _is(raw, *_SETS)]
    if alone and others:
        words = " ".join(word for word in _words(alone[0])[:4] if word.isalpha())
        raise GateFailed(
            f"migration {path} has a statement that cannot run in a transaction, {words}… (line {alone[0].line}),"
            f" and others that should (line {others[0].line})",
            "give it a migration of its own",
        )

"""Reading a folder of SQL migrations, and cutting a file into its statements."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from mobius.adapters.migrations.source import Statement
from mobius.errors import GateFailed

FILE_LIMIT_BYTES = 16 << 20

# Everything that may hold a semicolon which ends nothing; an unclosed one runs to the end of the file.
_TOKENS = re.compile(
    r"""
      '[^']*(?:''[^']*)*('|\Z) | "[^"]*(?:""[^"]*)*("|\Z) | `[^`]*(`|\Z) | \[[^\]]*(\]|\Z)
    | --[^\n]* | /\*.*?(\*/|\Z) | ;
    """,
    re.VERBOSE | re.DOTALL,
)
_BLANK = re.compile(r"(?:\s+|--[^\n]*|/\*.*?(?:\*/|\Z)|;)+", re.DOTALL)
_ONE_TRANSACTION = "remove it: each migration already runs in one transaction, together with its record"
_ONE_DATABASE = "remove it: a migration may only change the database that was backed up and rehearsed"
_FORBIDDEN = {
    "BEGIN": _ONE_TRANSACTION,
    "COMMIT": _ONE_TRANSACTION,
    "END": _ONE_TRANSACTION,
    "ROLLBACK": _ONE_TRANSACTION,
    "SAVEPOINT": _ONE_TRANSACTION,
    "RELEASE": _ONE_TRANSACTION,
    "ATTACH": _ONE_DATABASE,
    "DETACH": _ONE_DATABASE,
    "VACUUM": "remove it: VACUUM cannot run inside a transaction, so run it apart from the deployment",
}


def files_of(root: Path) -> tuple[Path, ...]:
    """Every .sql file in and below a folder, by name; what begins with a dot is passed over.

    Raises GateFailed for a folder that is not there, and for a link, or anything else that is no file, named .sql.
    """
    if not root.is_dir():
        what = "is no folder" if root.exists() else "does not exist"
        raise GateFailed(f"migrations folder {root} {what}", "correct migrations.path in mobius.toml")
    found: list[Path] = []
    try:
        for path in sorted(root.rglob("*.sql")):
            if any(part.startswith(".") for part in path.relative_to(root).parts):
                continue
            if path.is_symlink():
                raise GateFailed(
                    f"migration {path} is a link", "put the file itself there: a release is complete"
                )
            if not path.is_file():
                what = "a folder" if path.is_dir() else "no file"
                raise GateFailed(f"migration {path} is {what}", "give it another name, or remove it")
            found.append(path)
    except OSError as error:
        raise GateFailed(
            f"migrations folder {root} cannot be read: {error.strerror}", "let this user read it"
        ) from error
    return tuple(found)


def digest(text: str) -> str:
    """SHA-256 of a migration's text, whose line ends are \\n."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_sql(path: Path) -> str:
    """The text of a migration, with \\n line ends. GateFailed when it is too large or not UTF-8 text."""
    try:
        if path.stat().st_size > FILE_LIMIT_BYTES:
            raise GateFailed(
                f"migration {path} is larger than {FILE_LIMIT_BYTES >> 20} MiB",
                "load data by a job of the service's own, not by a migration",
            )
        raw = path.read_bytes()
    except OSError as error:
        raise GateFailed(
            f"migration {path} cannot be read: {error.strerror}", "let this user read it"
        ) from error
    if b"\x00" in raw or raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise GateFailed(f"migration {path} is binary or UTF-16, not UTF-8 text", "save it as UTF-8")
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise GateFailed(f"migration {path} is not UTF-8 (line {line})", "save it as UTF-8") from error


def statements(text: str, path: Path, *, may_begin: bool = False) -> tuple[Statement, ...]:
    """Cut a file for SQLite at the semicolons that end a statement; those in strings, comments and triggers do not.

    `may_begin`: a BEGIN and a COMMIT around everything are left out, for ours is that transaction. Raises GateFailed
    for a file without any statement, for an unclosed string or comment, and for statements that would end the
    transaction or leave the database.
    """
    found = _cut(text, path)
    if may_begin:
        found = _without_its_own_transaction(found)
    for statement in found:
        _refuse_forbidden(statement.sql, path, statement.line)
    if not found:
        raise GateFailed(f"migration {path} holds no statement", "write its SQL, or remove the file")
    return tuple(found)


def _cut(text: str, path: Path) -> list[Statement]:
    found: list[Statement] = []
    begin = 0
    line = 1
    for end in (*_semicolons(text, path), len(text)):
        if end < len(text) and not sqlite3.complete_statement(text[begin:end]):
            continue  # inside CREATE TRIGGER … END
        blank = _BLANK.match(text, begin, end)
        start = blank.end() if blank else begin
        line += text.count("\n", begin, start)
        sql = text[start:end].rstrip()
        if sql:
            if not sqlite3.complete_statement(sql + "\n;"):
                raise GateFailed(
                    f"migration {path} has a trigger without END; (line {line})", "end it with END;"
                )
            found.append(Statement(sql, line))
        line += text.count("\n", start, end)
        begin = end
    return found


def _without_its_own_transaction(found: list[Statement]) -> list[Statement]:
    words = [statement.sql.split(None, 1)[0].rstrip(";").upper() for statement in found]
    begins = [number for number, word in enumerate(words) if word == "BEGIN"]
    ends = [number for number, word in enumerate(words) if word in ("COMMIT", "END")]
    if len(begins) == len(ends) == 1 and begins[0] < ends[0]:
        around = {*words[: begins[0]], *words[ends[0] + 1 :]}
        if around <= {"PRAGMA"}:
            return [each for number, each in enumerate(found) if number not in (begins[0], ends[0])]
    return found


def version_key(version: str) -> tuple[int, ...]:
    """What versions are ordered by: 10 comes after 9, and 01 is 1."""
    return tuple(int(part) for part in re.split(r"[._]", version))


def _semicolons(text: str, path: Path) -> Iterator[int]:
    """The position after each semicolon outside of strings and comments."""
    for token in _TOKENS.finditer(text):
        if token[0] == ";":
            yield token.end()
        elif "" in token.groups():
            line = text.count("\n", 0, token.start()) + 1
            raise GateFailed(
                f"migration {path} has an unclosed {_kind(token[0])} (line {line})",
                "close it before the end of the file",
            )


def _kind(token: str) -> str:
    return {"'": "string", "/": "comment"}.get(token[0], "name")


def _refuse_forbidden(sql: str, path: Path, line: int) -> None:
    match = re.match(r"\.?[A-Za-z]+", sql)
    word = match[0].upper() if match else ""
    advice = _FORBIDDEN.get(word)
    if word.startswith("."):
        word, advice = word.lower(), "remove it: only the sqlite3 program knows such commands"
    if advice:
        raise GateFailed(f"migration {path} uses {word} (line {line})", advice)

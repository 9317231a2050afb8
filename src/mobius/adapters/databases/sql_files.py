"""Reading a folder of SQL migrations, and cutting a file into its statements."""

from __future__ import annotations

import hashlib
import itertools
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mobius.errors import GateFailed

FILE_LIMIT_BYTES = 16 << 20

_NAMES = (re.compile(r"V(\d+(?:[._]\d+)*)__(.+)"), re.compile(r"(\d+(?:\.\d+)*)[_-](.+)"))
_DOWN = ".down.sql"
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


@dataclass(frozen=True, slots=True)
class Migration:
    """One file that changes the database's shape; `down_path` takes it back.

    `version` is the number as it is written, `name` the file's name without `.sql`. `sha256` does not depend
    on line endings, so a checkout on Windows has the same.
    """

    version: str
    name: str
    path: Path
    sha256: str
    down_path: Path | None

    @property
    def key(self) -> tuple[int, ...]:
        return version_key(self.version)


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement and the line of the file where it begins."""

    sql: str
    line: int


def read_migrations(directory: Path) -> tuple[Migration, ...]:
    """All migrations of a folder, in the order of their numbers; every file is read and cut once.

    Raises GateFailed for a missing folder, a file without a number, two files with one number, a `.down.sql`
    without its file, and for whatever `statements` refuses.
    """
    if not directory.is_dir():
        raise GateFailed(
            f"migrations folder {directory} does not exist", "correct migrations.path in mobius.toml"
        )
    files = sorted(path for path in directory.glob("*.sql") if not path.name.startswith("."))
    downs = {path.name.removesuffix(_DOWN): path for path in files if path.name.endswith(_DOWN)}
    found: list[Migration] = []
    for path in files:
        if path.name.endswith(_DOWN):
            continue
        text = read_sql(path)
        statements(text, path)
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        found.append(Migration(_version(path), path.stem, path, sha256, downs.pop(path.stem, None)))
    for path in downs.values():
        up = path.name.removesuffix(_DOWN) + ".sql"
        raise GateFailed(f"{path} takes back a migration that is not there", f"add {up}, or remove the file")
    found.sort(key=lambda each: each.key)
    for one, other in itertools.pairwise(found):
        if one.key == other.key:
            raise GateFailed(
                f"migrations {one.path.name} and {other.path.name} have the same number",
                "give the newer one the next free number",
            )
    return tuple(found)


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


def statements(text: str, path: Path) -> tuple[Statement, ...]:
    """Cut a file at the semicolons that end a statement; those in strings, comments and triggers do not.

    Raises GateFailed for a file without any statement, for an unclosed string or comment, and for statements
    that would end the transaction or leave the database.
    """
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
            _refuse_forbidden(sql, path, line)
            if not sqlite3.complete_statement(sql + "\n;"):
                raise GateFailed(
                    f"migration {path} has a trigger without END; (line {line})", "end it with END;"
                )
            found.append(Statement(sql, line))
        line += text.count("\n", start, end)
        begin = end
    if not found:
        raise GateFailed(f"migration {path} holds no statement", "write its SQL, or remove the file")
    return tuple(found)


def version_key(version: str) -> tuple[int, ...]:
    """What versions are ordered by: 10 comes after 9, and 01 is 1."""
    return tuple(int(part) for part in re.split(r"[._]", version))


def _version(path: Path) -> str:
    for pattern in _NAMES:
        if match := pattern.fullmatch(path.stem):
            return match[1]
    raise GateFailed(f"migration {path} has no number", "name it like 001_add_notes.sql or V1__add_notes.sql")


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

"""SQL as words: a tokenizer that follows PostgreSQL's rules for quotes and comments, one statement at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

MOST_TOKENS = 200_000  # of one statement; what follows is read over and not kept
MOST_OF_ROWS = 4000  # … of one that may carry rows of data
_CARRIES_ROWS = ("INSERT", "SELECT", "VALUES", "REPLACE", "COPY", "WITH", "MERGE")

# The commonest first. A word before a quote may be its prefix (E'…', U&"…"): those alternatives come before `other`,
# which also takes Flyway's ${placeholder} and {{others}} for the name that they stand for.
_TOKEN = re.compile(
    r"""\s*+(?:
    (?P<word>[^\W\d][\w$]*+(?!['"&]))
  | (?P<mark>[(),;.\]])
  | (?P<string>(?:[bBxXnN]|[uU]&)?'[^']*+(?:''[^']*+)*+')
  | (?P<quoted>(?:[uU]&)?"[^"]*+(?:""[^"]*+)*+")
  | (?P<number>\d[\d_]*+(?:\.\d*+)?(?:[eE][+-]?\d+)?|\.\d+)
  | (?P<line>--[^\n]*+)
  | (?P<block>/\*)
  | (?P<dollar>\$(?:[^\W\d]\w*+)?\$)
  | (?P<escaped>[eE]'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+')
  | (?P<other>[^\W\d][\w$]*+|\$\{[^{}\s]*+\}[\w$]*+|\{\{[^{}\n]*+\}\}[\w$]*+)
  | (?P<backtick>`[^`]*+`)
  | (?P<param>\$\d+)
  | (?P<sign>::|:=|=>|<=|>=|<>|!=|\|\||->>|->|[^\s\w])
  | (?P<nothing>\w|\Z)
    )""",
    re.VERBOSE | re.DOTALL,
)
# Rows of data: everything that can begin neither a quote nor a comment nor end the statement.
_PLAIN = re.compile(r"""(?:[^;'"`$/\-\\\w]|\w++(?!['"&]))++""")
_COMMENT_EDGE = re.compile(r"/\*|\*/")
# What psql shows and how, and its own variables.
_OF_THE_SCREEN = re.compile(
    r"\\(?:set|unset|timing|echo|qecho|warn|pset|conninfo|errverbose|prompt|restrict|unrestrict|d\w*\+?|x|a|t|H)"
    r"(?=[ \t\r\n;]|\Z)"
)
_COPY_END = re.compile(r"^\\\.[ \t]*\r?$", re.MULTILINE)


class Token(NamedTuple):
    """`kind`: word, quoted, string, dollar, number, param or mark. `text` as written; `word` in upper case."""

    kind: str
    text: str
    word: str
    at: int

    @property
    def name(self) -> str:
        """As an identifier: quoted as it is, otherwise in lower case."""
        if self.kind == "quoted":
            body = self.text[self.text.index('"') + 1 : -1]
            return body.replace('""', '"')
        return self.text[1:-1] if self.kind == "backtick" else self.text.lower()


_ENDS = Token("end", "", "", -1)


@dataclass(slots=True)
class Raw:
    """One statement: where it begins, its tokens without comments, and the comments before and within it."""

    start: int
    line: int
    tokens: list[Token] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    end: int = 0
    broken: str = ""  # why its end could not be found
    meta: str = ""  # a command of psql, which no server understands


def statements(text: str, *, nested_comments: bool = True) -> Iterator[Raw]:
    """The statements of a script, in order. Never fails: a quote without an end makes one broken statement of the
    rest. `nested_comments`: as PostgreSQL reads them; in SQLite the first `*/` ends a comment."""
    reader = _Reader(text, nested_comments)
    while (raw := reader.next()) is not None:
        yield raw


class _Reader:
    def __init__(self, text: str, nested_comments: bool) -> None:
        self._text, self._nested = text, nested_comments
        self._at = 1 if text.startswith("\ufeff") else 0
        self._line, self._line_at = 1, 0
        self._upper: dict[str, str] = {}  # the words of a script are few, and come again

    def next(self) -> Raw | None:
        raw = Raw(self._at, 0)
        text, size, tokens, upper = self._text, len(self._text), raw.tokens, self._upper
        at, depth = self._at, 0  # of BEGIN … END inside the statement
        scan, new = _TOKEN.match, tuple.__new__
        nests, most = False, MOST_TOKENS
        while at < size:
            if len(tokens) >= most and (plain := _PLAIN.match(text, at)):
                at = plain.end()
                continue
            match = scan(text, at)
            if match is None:  # there is none: the last alternative takes whatever is left
                break
            kind = str(match.lastgroup)
            found = match[kind]
            at = match.end()
            start = at - len(found)
            if kind == "word":
                if not tokens:
                    raw.start, raw.line = start, self._line_of(start)
                word = upper.get(found)
                if word is None:
                    word = upper[found] = found.upper()
                if not tokens:
                    nests = word == "CREATE"
                    most = MOST_OF_ROWS if word in _CARRIES_ROWS else MOST_TOKENS
                token = new(Token, ("word", found, word, start))
                if nests:
                    depth += _deeper(token, tokens, depth)
            elif kind == "mark":
                if found == ";" and not depth:
                    self._at = at
                    if not tokens:
                        raw.line = 0
                        continue
                    raw.end = start
                    self._skip_copied_rows(raw)
                    return raw
                token = new(Token, ("mark", found, found, start))
            else:
                self._at = at
                read = self._uncommon(kind, found, start, raw)
                at = self._at
                if read is None:
                    continue
                if read is _ENDS:
                    return raw
                token = read
            if len(tokens) < most:
                if not tokens and not raw.line:
                    raw.start, raw.line = start, self._line_of(start)
                tokens.append(token)
        self._at = at
        return self._ended(raw) if tokens or raw.broken else None

    def _uncommon(self, kind: str, found: str, start: int, raw: Raw) -> Token | None:
        """A token that is neither a plain word nor a bracket; None for what is none, `_ENDS` where the statement
        ends here."""
        if kind == "nothing":
            return None
        if kind == "line":
            raw.comments.append(found)
            return None
        if kind == "block":
            self._block_comment(start, raw)
            return self._broken_at(start, raw) if raw.broken else None
        if kind == "sign":
            if found == "#" and not raw.tokens:  # a line of Play
                found = self._to_the_end_of_the_line(start)
                raw.comments.append(found)
                return None
            if found == "\\":
                return _ENDS if self._meta(raw, start) else None
            if found in ("'", '"'):
                what = "string" if found == "'" else "name in quotes"
                raw.broken = f"a {what} that begins here never ends"
                self._at = len(self._text)
                return self._broken_at(start, raw)
            return Token("mark", found, found, start)
        if kind == "dollar":
            if not self._to_the_end_of_the_dollars(found, raw):
                return self._broken_at(start, raw)
            return Token("dollar", self._text[start : self._at], "", start)
        if kind == "other":
            return Token("word", found, found.upper(), start)
        return Token("string" if kind == "escaped" else kind, found, "", start)

    def _broken_at(self, start: int, raw: Raw) -> Token:
        if not raw.tokens:
            raw.start, raw.line = start, self._line_of(start)
        self._ended(raw)
        return _ENDS

    def _ended(self, raw: Raw) -> Raw:
        raw.end = min(self._at, len(self._text))
        return raw

    def _line_of(self, at: int) -> int:
        self._line += self._text.count("\n", self._line_at, at)
        self._line_at = at
        return self._line

    def _meta(self, raw: Raw, start: int) -> bool:
        """A command of psql: alone on its line, or after a statement, which it sends (`SELECT … \\gset`). Whether a
        statement ends here; one that only sets how psql shows things is read over."""
        if raw.tokens:
            self._at = raw.end = start
            return True
        line = self._to_the_end_of_the_line(start)
        if _OF_THE_SCREEN.match(self._text, start):
            return False
        raw.start, raw.line = start, self._line_of(start)
        raw.meta = line.strip()
        self._ended(raw)
        return True

    def _to_the_end_of_the_line(self, start: int) -> str:
        end = self._text.find("\n", start)
        self._at = len(self._text) if end < 0 else end
        return self._text[start : self._at]

    def _block_comment(self, start: int, raw: Raw) -> None:
        """Comments nest, as the standard says."""
        depth, at = 1, self._at
        while depth:
            edge = _COMMENT_EDGE.search(self._text, at)
            if edge is None:
                raw.broken = "a comment that begins here never ends"
                self._at = len(self._text)
                return
            if edge.group() == "*/":
                depth -= 1
            elif self._nested:
                depth += 1
            at = edge.end()
        self._at = at
        raw.comments.append(self._text[start:at])

    def _to_the_end_of_the_dollars(self, tag: str, raw: Raw) -> bool:
        end = self._text.find(tag, self._at)
        if end < 0:
            raw.broken = f"a string that begins with {tag} here never ends"
            self._at = len(self._text)
            return False
        self._at = end + len(tag)
        return True

    def _skip_copied_rows(self, raw: Raw) -> None:
        """`COPY t FROM stdin;` is followed by rows up to a line of `\\.`, as pg_dump writes them."""
        words = [token.word for token in raw.tokens]
        if words[:1] == ["COPY"] and "STDIN" in words and "FROM" in words:
            found = _COPY_END.search(self._text, self._at)
            self._at = found.end() if found else len(self._text)


def _deeper(token: Token, before: list[Token], depth: int) -> int:
    """Whether a body of statements opens or closes here (a trigger of SQLite, a function since PostgreSQL 14): a `;`
    inside of it does not end the statement."""
    if not before:
        return 0
    if token.word == "END":
        return -1 if depth else 0
    if token.word == "BEGIN":
        return 1 if any(each.word == "TRIGGER" for each in before[:6]) else 0
    if token.word == "ATOMIC":
        return 1 if before[-1].word == "BEGIN" else 0
    return 1 if token.word == "CASE" and depth else 0

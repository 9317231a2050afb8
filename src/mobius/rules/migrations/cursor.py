"""Walking over the tokens of one statement: words taken when they are there, names, balanced brackets."""

from __future__ import annotations

from collections.abc import Sequence

from mobius.rules.migrations.tokens import Token

_NAMES = ("word", "quoted", "backtick")
_DEPTH = {"(": 1, "[": 1, ")": -1, "]": -1}


class Name(str):
    """A name as the database knows it, without its schema. `schema`: the one it was written with, "" for none;
    `written`: all of it as the author wrote it."""

    __slots__ = ("schema", "written")
    schema: str
    written: str

    def __new__(cls, name: str, schema: str = "", written: str = "") -> Name:
        made = super().__new__(cls, name)
        made.schema, made.written = schema, written
        return made


NAMELESS = Name("")
TEMPORARY = "pg_temp"  # the schema of the tables of a session


class Cursor:
    """A place in a statement; every method that takes something moves on."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tuple(tokens)
        self.at = 0

    @property
    def done(self) -> bool:
        return self.at >= len(self.tokens)

    def peek(self, ahead: int = 0) -> str:
        """The word (or mark) here, in upper case; "" at the end and for anything else."""
        at = self.at + ahead
        return self.tokens[at].word if at < len(self.tokens) else ""

    def take(self, *words: str) -> bool:
        """Moves over these words when they are next, all of them."""
        at, tokens = self.at, self.tokens
        if at + len(words) > len(tokens):
            return False
        for word in words:
            if tokens[at].word != word:
                return False
            at += 1
        self.at = at
        return True

    def any_of(self, *words: str) -> str:
        """Moves over the next word when it is one of these, and returns it."""
        word = self.peek()
        if not word or word not in words:
            return ""
        self.at += 1
        return word

    def name(self) -> Name:
        """A name: `public.users` is `users` in the schema `public`. "" where there is none."""
        parts: list[str] = []
        begin = self.at
        if self.peek() == ":" and self.at + 1 < len(self.tokens) and self.tokens[self.at + 1].kind in _NAMES:
            self.at += 1  # a variable of psql, :schema or :"schema"
        while not self.done:
            if self.tokens[self.at].kind in _NAMES:
                parts.append(self.tokens[self.at].name)
                self.at += 1
            elif self.peek() == "[" and (bracketed := self._bracketed()):
                parts.append(bracketed)
            else:
                break
            if not self.take("."):
                break
        if not parts:
            return NAMELESS
        text = "".join(token.text for token in self.tokens[begin : self.at])
        return Name(parts[-1], parts[-2] if len(parts) > 1 else "", text.removesuffix("."))

    def _bracketed(self) -> str:
        """`[users]`, as SQLite takes it from SQL Server."""
        for at in range(self.at + 1, min(self.at + 8, len(self.tokens))):
            if self.tokens[at].word == "]":
                found = " ".join(token.text for token in self.tokens[self.at + 1 : at])
                self.at = at + 1
                return found
        return ""

    def literal(self) -> str:
        """The text of the string here, moved over; "" where there is none."""
        if self.done or self.tokens[self.at].kind not in ("string", "dollar"):
            return ""
        self.at += 1
        return unquoted(self.tokens[self.at - 1].text)

    def skip_if_exists(self) -> bool:
        """`IF EXISTS` or `IF NOT EXISTS`."""
        return self.take("IF", "EXISTS") or self.take("IF", "NOT", "EXISTS")

    def brackets(self) -> tuple[Token, ...]:
        """What stands within the brackets that open here; nothing where none do."""
        if self.peek() != "(":
            return ()
        begin, depth = self.at + 1, 0
        while not self.done:
            word = self.peek()
            depth += _DEPTH.get(word, 0)
            self.at += 1
            if not depth:
                return self.tokens[begin : self.at - 1]
        return self.tokens[begin:]

    def until(self, *words: str) -> tuple[Token, ...]:
        """Everything up to one of these words outside of brackets, or the end; one token at least."""
        return self._over(words, 1)

    def up_to(self, *words: str) -> tuple[Token, ...]:
        """Everything up to one of these words outside of brackets, or the end; nothing where one is next."""
        return self._over(words, 0)

    def _over(self, words: tuple[str, ...], least: int) -> tuple[Token, ...]:
        begin, depth = self.at, 0
        while not self.done:
            word = self.peek()
            if not depth and word in words and self.at >= begin + least:
                break
            depth += _DEPTH.get(word, 0)
            self.at += 1
        return self.tokens[begin : self.at]

    def rest(self) -> tuple[Token, ...]:
        found, self.at = self.tokens[self.at :], len(self.tokens)
        return found


def split(tokens: Sequence[Token], mark: str = ",") -> list[tuple[Token, ...]]:
    """The parts between these marks that stand outside of brackets."""
    parts: list[tuple[Token, ...]] = []
    begin, depth = 0, 0
    for at, token in enumerate(tokens):
        depth += _DEPTH.get(token.word, 0)
        if token.word == mark and not depth:
            parts.append(tuple(tokens[begin:at]))
            begin = at + 1
    parts.append(tuple(tokens[begin:]))
    return [part for part in parts if part]


def bare(tokens: Sequence[Token]) -> Sequence[Token]:
    """Without the brackets around all of it."""
    opened: list[int] = []
    closes: dict[int, int] = {}
    for at, token in enumerate(tokens):
        if token.word == "(":
            opened.append(at)
        elif token.word == ")" and opened:
            closes[opened.pop()] = at
    begin, end = 0, len(tokens)
    while closes.get(begin) == end - 1 and begin < end:
        begin, end = begin + 1, end - 1
    return tokens[begin:end]


def names_in(tokens: Sequence[Token]) -> tuple[Name, ...]:
    """The names of a list of columns: the first of each part."""
    return tuple(found for part in split(tokens) if (found := Cursor(part).name()))


def written(tokens: Sequence[Token]) -> str:
    """The tokens as the author wrote them, in one line and without comments."""
    text, end = "", -1
    for token in tokens:
        text += ("" if token.at == end or not text else " ") + token.text
        end = token.at + len(token.text)
    return text


def unquoted(text: str) -> str:
    """The text of a string constant: `'it''s'`, `E'…'` or `$x$…$x$`."""
    if text.startswith("$"):
        tag = text[: text.index("$", 1) + 1]
        return text[len(tag) : -len(tag)]
    begin = text.find("'") + 1
    return text[begin:-1].replace("''", "'")


def options_in(tokens: Sequence[Token]) -> frozenset[str]:
    """The options of `VACUUM (FULL, ANALYZE off)` that are on."""
    on = set()
    for part in split(tokens):
        words = [token.word or unquoted(token.text).upper() for token in part]
        if words[1:2] not in (["FALSE"], ["OFF"], ["0"], ["NO"]) and part[-1].text != "0":
            on.add(words[0])
    return frozenset(on)

"""Walking over the tokens of one statement: words taken when they are there, names, balanced brackets."""

from __future__ import annotations

from collections.abc import Sequence

from mobius.rules.migrations.tokens import Token

_NAMES = ("word", "quoted", "backtick")
_OPEN, _CLOSE = ("(", "["), (")", "]")


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
        if all(self.peek(ahead) == word for ahead, word in enumerate(words)):
            self.at += len(words)
            return True
        return False

    def any_of(self, *words: str) -> str:
        """Moves over the first of these words that is next, and returns it."""
        return next((word for word in words if self.take(word)), "")

    def name(self) -> str:
        """A name, its schema left out: `public.users` is `users`. "" where there is none."""
        found = ""
        while not self.done and self.tokens[self.at].kind in _NAMES:
            found = self.tokens[self.at].name
            self.at += 1
            if not self.take("."):
                break
        return found

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
            depth += (word in _OPEN) - (word in _CLOSE)
            self.at += 1
            if not depth:
                return self.tokens[begin : self.at - 1]
        return self.tokens[begin:]

    def until(self, *words: str) -> tuple[Token, ...]:
        """Everything up to one of these words outside of brackets, or the end."""
        begin, depth = self.at, 0
        while not self.done:
            word = self.peek()
            if not depth and word in words and self.at > begin:
                break
            depth += (word in _OPEN) - (word in _CLOSE)
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
        depth += (token.word in _OPEN) - (token.word in _CLOSE)
        if token.word == mark and not depth:
            parts.append(tuple(tokens[begin:at]))
            begin = at + 1
    parts.append(tuple(tokens[begin:]))
    return [part for part in parts if part]


def names_in(tokens: Sequence[Token]) -> tuple[str, ...]:
    """The names of a list of columns: the first of each part."""
    return tuple(found for part in split(tokens) if (found := Cursor(part).name()))


def written(tokens: Sequence[Token]) -> str:
    """The tokens as text, in one line."""
    text = ""
    for before, token in zip((None, *tokens), tokens, strict=False):
        close = (
            before is None or token.text in (",", ")", "]", ".", "::") or before.text in ("(", "[", ".", "::")
        )
        open_call = token.text in ("(", "[") and before is not None and before.kind in _NAMES
        text += ("" if close or open_call else " ") + token.text
    return text

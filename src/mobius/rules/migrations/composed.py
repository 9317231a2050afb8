"""Statements that a block puts together from strings, and then runs by EXECUTE."""

from __future__ import annotations

import re

from mobius.rules.migrations.cursor import unquoted
from mobius.rules.migrations.tokens import Token

_FORMAT = re.compile(r"%(?:\d+\$)?([ILs])")
_TEXTS = ("FORMAT", "CONCAT", "CONCAT_WS")  # functions that give what they are given
_NAMED = ("word", "quoted")
_NO_VARIABLE = ("UPDATE", "INSERT", "SELECT", "DELETE", "IF", "WHILE", "SET", "PERFORM", "RETURN")


class Composed:
    """The text that each variable of a block holds, as far as the block itself says."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def note(self, tokens: list[Token]) -> None:
        """Takes in `sql := …`, `sql text DEFAULT …`, `SELECT … INTO sql` and `FOR sql IN SELECT … LOOP`."""
        words = [token.word for token in tokens]
        if "INTO" in words and "SELECT" in words[: words.index("INTO")]:
            at = words.index("INTO")
            self._put(tokens[at + 1 : at + 2], tokens[words.index("SELECT") + 1 : at])
        elif "FOR" in words and "IN" in words and "SELECT" in words and "LOOP" in words:
            begin = words.index("SELECT")
            end = words.index("FROM") if "FROM" in words[begin:] else words.index("LOOP")
            self._put(tokens[words.index("FOR") + 1 :][:1], tokens[begin + 1 : end])
        elif (at := _assignment(words)) > 0:
            self._put(tokens[_of_the_variable(words, at) :][:1], tokens[at + 1 :])

    def text_of(self, tokens: list[Token]) -> str:
        """What `EXECUTE 'ALTER TABLE ' || name || …` runs, with a name in the place of what is only known then; of
        `EXECUTE sql`, what that variable holds."""
        text = _joined(tokens)
        held = next((self._texts[each.name] for each in tokens if each.name in self._texts), "")
        return text or held

    def _put(self, variable: list[Token], value: list[Token]) -> None:
        if not variable or variable[0].kind not in _NAMED:
            return
        name, text = variable[0].name, _joined(value)
        goes_on = any(each.kind in _NAMED and each.name == name for each in value)
        self._texts[name] = self._texts.get(name, "") + text if goes_on else text


def _assignment(words: list[str]) -> int:
    """Where `:=`, `=` or DEFAULT stands behind a variable; 0 for nowhere."""
    for at, word in enumerate(words[:12]):
        if word in ("=", "DEFAULT", ":=") and at:
            return 0 if any(each in _NO_VARIABLE for each in words[:at]) else at
    return 0


def _of_the_variable(words: list[str], at: int) -> int:
    """Where its name stands: it follows DECLARE, BEGIN, THEN, ELSE or LOOP, if anything."""
    openers = [place for place in range(at) if words[place] in ("DECLARE", "BEGIN", "THEN", "ELSE", "LOOP")]
    return openers[-1] + 1 if openers else 0


def _joined(tokens: list[Token]) -> str:
    text, computed, within = "", False, 0
    formatted = bool(tokens) and tokens[0].word == "FORMAT"
    for at, token in enumerate(tokens):
        calls = (
            token.word == "(" and at and tokens[at - 1].kind in _NAMED and tokens[at - 1].word not in _TEXTS
        )
        if within or calls:  # what a function is given is not what it gives
            within += {"(": 1, ")": -1}.get(token.word, 0)
            continue
        if token.word in ("USING", "INTO"):
            break
        if token.kind in ("string", "dollar"):
            if formatted and text:
                break
            text += ('"…"' if computed and text else "") + unquoted(token.text)
            computed = False
        elif token.kind in _NAMED:
            computed = True
    if computed and text and not formatted:
        text += '"…"'
    return _FORMAT.sub(lambda found: "'…'" if found[1] == "L" else '"…"', text) if formatted else text

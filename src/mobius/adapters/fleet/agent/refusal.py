"""The one way in which this host says no."""

from __future__ import annotations


class Refusal(Exception):
    """`code` is for the program at the other end, `message` and `hint` for the person."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

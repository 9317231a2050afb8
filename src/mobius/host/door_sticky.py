"""Which of several slots a client belongs to: by a number of its own, which it keeps in a cookie.

The number is drawn once, evenly, and the slots lie side by side over all numbers, in the order of the weights. As the
share of the first slot grows, whoever was sent there stays there, and nobody is ever sent back and forth.
"""

from __future__ import annotations

import re

NAME = b"mobius_canary"
NUMBERS = 10_000
MAX_AGE_S = 3600
NO_NUMBER = -1

_VALUE = re.compile(rb"0|[1-9][0-9]{0,3}")
_SHARED = re.compile(
    rb"^cache-control:(?:[^\r]*[ \t,])?(?:public|s-maxage)(?=[ \t,=\r])", re.IGNORECASE | re.MULTILINE
)
_GOLDEN = 0.6180339887498949


def draw(turn: int) -> int:
    """The number of whoever is the `turn`-th to get one. The golden ratio spreads them so evenly that 5 % of all
    numbers are 5 of any 100, not of many thousand."""
    return int(turn * _GOLDEN % 1.0 * NUMBERS)


def slot_of(weights: tuple[tuple[str, int], ...], number: int) -> str:
    """Where this number lies. `weights` holds at least one slot, and each has more than nothing."""
    point = number * sum(weight for _, weight in weights)
    for slot, weight in weights:
        point -= weight * NUMBERS
        if point < 0:
            return slot
    return weights[-1][0]


def taken_out(cookies: bytes) -> tuple[int, bytes]:
    """The number in the value of a Cookie header, and that value without it: a release never gets to see ours. What is
    garbled, or there twice, is no number."""
    kept, own = [], []
    for pair in cookies.split(b";"):
        name, _, value = pair.partition(b"=")
        if name.strip(b" \t") == NAME:
            own.append(value.strip(b" \t"))
        else:
            kept.append(pair)
    is_one = len(own) == 1 and _VALUE.fullmatch(own[0]) is not None
    return int(own[0]) if is_one else NO_NUMBER, b";".join(kept).strip(b" \t")


def set_cookie(number: int, is_tls: bool) -> bytes:
    """The header line that gives a client its number."""
    secure = b"; Secure" if is_tls else b""
    return b"Set-Cookie: %b=%d; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax%b\r\n" % (
        NAME, number, MAX_AGE_S, secure,
    )  # fmt: skip


def is_for_many(head: bytes) -> bool:
    """Whether caches may give the answer with this head to others, who would all get the number that came with it."""
    return _SHARED.search(head) is not None

"""How a case of `tests/vectors/backup/cases.toml` is named, and the right archive that each bends in one way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archive.by_hand import Draft, Member, Piece, build

Case = Callable[[], bytes]
CASES: dict[str, Case] = {}
BIG = bytes(range(256)) * 4096 + b"the end of a second chunk"


def case(words: str) -> Callable[[Case], Case]:
    def keep(make: Case) -> Case:
        assert words not in CASES
        CASES[words] = make
        return make

    return keep


def named(words: str, *pieces: Piece, **how: Any) -> None:
    CASES[words] = lambda: build(pieces, **how)


def bent(words: str, change: Callable[[Draft], None], *, early: bool = False) -> None:
    """The usual small archive, changed after (or before) its layout is known."""
    CASES[words] = lambda: build(usual(), **{"arrange" if early else "change": change})


def usual() -> list[Piece]:
    return [
        Piece.folder("d"),
        Piece("d/a", b"hello " * 20),
        Piece("d/b", b"stored", method=0),
        Piece("d/big", BIG),
        Piece.symlink("d/link", "a"),
        Piece("e", b"hello " * 20),
    ]


def both(member: Member, **values: Any) -> None:
    member.local |= values
    member.central |= values


def renamed(member: Member, name: bytes) -> None:
    both(member, name=name)

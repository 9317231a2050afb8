"""The words for a way back: what it loses, and whether it was proven."""

from __future__ import annotations


def losing(loses: str) -> str:
    """ "nothing lost", "nothing lost; the migrated schema stays", "loses every write since the backup" """
    if not loses or loses.startswith("nothing"):
        return "nothing lost" + loses.removeprefix("nothing")
    return f"loses {loses}"


def is_proven(proven: str) -> bool:
    """Whether these words say that the way back was rehearsed."""
    return bool(proven) and not proven.startswith("not ")

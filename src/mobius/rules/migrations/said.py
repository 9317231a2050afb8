"""What a rule says: a hazard's id, how bad, what happens, and the safe way with the user's own names."""

from __future__ import annotations

from dataclasses import dataclass

from mobius.model.linting import Impact
from mobius.rules.migrations.cursor import Name

LOW, MEDIUM, HIGH = Impact.LOW, Impact.MEDIUM, Impact.HIGH
ALONE = "in a file of its own, outside of a transaction"
APART = "each in a transaction of its own"


@dataclass(frozen=True, slots=True)
class Said:
    """One hazard, before it is bound to its line."""

    hazard: str
    severity: Impact
    message: str
    advice: str = ""


def steps(*statements: str, how: str = "") -> str:
    """Advice that can be copied: whole statements of SQL, and as their comment how to run them."""
    text = " ".join(f"{statement};" for statement in statements)
    return f"{text} -- {how}" if how else text


def quoted(name: str) -> str:
    """A name as SQL needs it: as the author wrote it, with its schema."""
    if isinstance(name, Name) and name.written:
        return name.written
    plain = name.isidentifier() and name == name.lower()
    return str(name) if plain else '"' + name.replace('"', '""') + '"'


def derived(*parts: str) -> str:
    """A new name out of others, as PostgreSQL makes its own: `orders_user_id_idx`. A name that is only known when the
    script runs is left out."""
    name = "_".join(str(part) for part in parts if part and "…" not in part)
    return quoted(name[:63])


def softer(severity: Impact, small: bool) -> Impact:
    """A scan of a table that is known to be small is over at once."""
    return LOW if small else severity

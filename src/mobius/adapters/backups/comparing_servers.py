"""What would be lost of databases on servers: rows counted now, against those counted when the backup was made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mobius.adapters.databases.captures import Dumps
from mobius.errors import MobiusError
from mobius.model.loss import TableChange

COUNTED_ONLY = "a dump is not compared row by row"


def server_changes(
    metadata: Mapping[str, object], dumps: Dumps | None, notes: list[str], *, within_s: float
) -> Iterator[TableChange]:
    """Every table of every database that the archive has a dump of; a server that does not answer is a note."""
    found = metadata.get("postgresql")
    for name, facts in found.items() if isinstance(found, Mapping) else ():
        then = facts.get("tables") if isinstance(facts, Mapping) else None
        if dumps is None or not isinstance(then, Mapping):
            notes.append(f"the database {name} is not named in mobius.toml")
            continue
        try:
            now = dumps.counted(str(name), within_s=within_s)
        except MobiusError as problem:
            notes.append(f"the database {name} could not be counted: {problem.message}")
            continue
        for table in sorted({*now, *then}):
            yield TableChange(
                str(name),
                str(table),
                int(then[table]) if table in then else None,
                now.get(str(table)),
                counted_only=COUNTED_ONLY,
                is_new=table not in then,
                is_gone=table not in now,
            )

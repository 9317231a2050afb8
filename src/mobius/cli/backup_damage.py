"""What `mobius backup verify` says of a backup that does not hold: what is lost, where, and what is whole."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_SHOWN = 20


def surveyed(path: Path, *, list_whole: bool = False) -> dict[str, Any]:
    """Read all that can be read of it; {} where there is nothing to read. `list_whole` names each whole path, too."""
    from dataclasses import asdict

    from mobius.archive.damage import survey
    from mobius.errors import BackupInvalid

    whole: list[str] = []
    try:
        found = survey(path, on_whole=whole.append if list_whole else None)
    except BackupInvalid:
        return {}
    named = {"whole_paths": whole} if list_whole else {}
    return {
        **named,
        "damaged": [asdict(each) for each in found.damaged],
        "whole": found.whole,
        "lost": found.lost,
        "compared_by_hash": found.by_hash,
    }


def damage_lines(told: Mapping[str, object]) -> Iterator[str]:
    """The same for people; nothing for a backup that holds."""
    from mobius.archive.zip_in_content import Damage

    damaged = told.get("damaged")
    if not isinstance(damaged, list):
        return
    for each in damaged[:_SHOWN]:
        if (line := str(Damage(**each))) not in str(told["message"]):
            yield f"  {line}"
    if len(damaged) > _SHOWN:
        yield f"  and {len(damaged) - _SHOWN} more places (all of them with --json)"
    by = "compared with their SHA-256" if told["compared_by_hash"] else "by their CRC-32 alone"
    whole = told.get("whole_paths")
    yield from (f"  whole    {path}" for path in whole) if isinstance(whole, list) else ()
    yield f"  whole: {told['whole']} paths ({by}); lost: {told['lost']}"
    if told["lost"] and told["whole"]:
        file = shlex.quote(str(told["file"]))
        yield f"  restore what is whole: mobius backup restore {file} --only PATH --to DIR"

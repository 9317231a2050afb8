"""The sudo rules with which somebody who is not root deploys under systemd: verbs on our units, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mobius.errors import UsageError
from mobius.model.settings import ProcessSettings
from mobius.report.units import RUN, SLOTS, UnitPlace, host_unit, monitor_unit, process_unit, socket_unit

VERBS = ("start", "stop", "reset-failed")
LONGEST_RUN_NUMBER = (
    6  # digits; `[0-9]` is one of them and nothing else, a star would match a second unit's name
)


def sudo_rules(
    user: str, place: UnitPlace, processes: Sequence[ProcessSettings], adopted: Sequence[str], *, program: str
) -> str:
    """The text for /etc/sudoers.d: one line a command, whole names only. Raises UsageError for a user's name that
    sudo would read as something else."""
    if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", user) or user.upper() == user:
        raise UsageError(
            f"{user!r} is no user's name for sudo", "a-z, 0-9, - and _, not all of it in capitals"
        )
    lines = [
        f"# {user} may deploy {place.service} ({place.environment}): start and stop its units, and nothing else.",
        f"# Written by: mobius host install -e {place.environment} --sudoers {user}",
    ]
    named = [*rule_units(place, processes), *sorted(set(adopted))]
    patterns = [
        process_unit(place.prefix, RUN, "").replace("@", f"@{'[0-9]' * n}")
        for n in range(1, LONGEST_RUN_NUMBER + 1)
    ]
    for unit in [*map(_escaped, named), *patterns]:
        lines += [f"{user} ALL=(root) NOPASSWD: {_escaped(program)} {verb} {unit}" for verb in VERBS]
    return "\n".join(lines) + "\n"


def rule_units(place: UnitPlace, processes: Sequence[ProcessSettings]) -> Iterator[str]:
    """The units of ours that a deployment starts and stops by name."""
    yield host_unit(place.prefix)
    if place.listen:
        yield socket_unit(place.prefix)
    yield monitor_unit(place.prefix)
    for process in processes:
        for slot in SLOTS:
            yield process_unit(place.prefix, process.name, slot)
            if process.schedule:
                yield process_unit(place.prefix, process.name, slot, "timer")


def _escaped(word: str) -> str:
    """As sudo reads it: what means something there stands behind a backslash, also what would match more."""
    if not re.fullmatch(r"[A-Za-z0-9@:_.\\/-]+", word):
        raise UsageError(f"{word!r} cannot stand in a sudo rule", "rename that unit")
    return re.sub(r"([\\:])", r"\\\1", word)

"""How the service is started: units of systemd and Procfiles."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mobius.model.impact import ConfigChange
from mobius.model.linting import Impact
from mobius.rules.config_impact.weights import exposes_secret, masked

_UNIT = re.compile(r".*\.(service|socket|timer)$|Procfile(\..*)?")
_LIGHT = ("Description", "Documentation", "SyslogIdentifier")


def is_unit(name: str) -> bool:
    return _UNIT.fullmatch(name) is not None


def unit_changes(path: str, before: str | None, after: str | None) -> Iterator[ConfigChange]:
    """Directives that changed, by name; Environment= is shown by its names only."""
    if before is None or after is None:
        yield ConfigChange(path, "", Impact.MEDIUM, f"{path} {'is new' if before is None else 'is gone'}")
        return
    old, new = _lines(before), _lines(after)
    for key in sorted({*old, *new}):
        if old.get(key) == new.get(key):
            continue
        light = key in _LIGHT
        if key == "Environment":
            if any(
                exposes_secret(value.partition("=")[0], value.partition("=")[2]) for value in new.get(key, ())
            ):
                undo = "move it to an EnvironmentFile outside of the code, and change the secret"
                yield ConfigChange(
                    path, key, Impact.HIGH, f"{path} holds what looks like a real secret", undo
                )
            else:
                yield ConfigChange(path, key, Impact.MEDIUM, f"variables of {path} changed")
            continue
        was, becomes = (masked(" ; ".join(lines.get(key, ["nothing"]))) for lines in (old, new))
        told = f"{key} goes from {was} to {becomes}"
        yield ConfigChange(path, key, Impact.LOW if light else Impact.MEDIUM, told)


def _lines(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        if line.lstrip().startswith(("#", ";", "[")):
            continue
        key, mark, value = line.partition("=") if "=" in line.partition(":")[0] else line.partition(":")
        if mark and key.strip():
            found.setdefault(key.strip(), []).append(value.strip().strip("\"'"))
    return found

"""How the service is started: units of systemd and Procfiles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from mobius.model.impact import ConfigChange
from mobius.model.linting import Impact
from mobius.rules.config_impact.weights import exposes_secret, masked

_UNIT = re.compile(r".*\.(service|socket|timer|path|mount|target|container|pod)$|Procfile(\..*)?")
_WORD = re.compile(r"""\"((?:[^"\\]|\\.)*)"|'([^']*)'|(\S+)""")
_LIGHT = ("Description", "Documentation", "SyslogIdentifier")


def is_unit(path: PurePosixPath) -> bool:
    """A unit, or a drop-in of one: `app.service.d/limits.conf`."""
    is_drop_in = path.suffix == ".conf" and path.parent.suffix == ".d" and _UNIT.fullmatch(path.parent.stem)
    return _UNIT.fullmatch(path.name) is not None or bool(is_drop_in)


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
            if any(exposes_secret(*pair.split("=", 1)) for pair in new.get(key, ()) if "=" in pair):
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
    for line in re.sub(r"\s*\\\n\s*", " ", text).splitlines():
        if line.lstrip().startswith(("#", ";", "[")):
            continue
        key, mark, value = line.partition("=") if "=" in line.partition(":")[0] else line.partition(":")
        if key.strip() == "Environment":
            found.setdefault("Environment", []).extend(sorted(_words(value)))
        elif mark and key.strip():
            found.setdefault(key.strip(), []).append(value.strip().strip("\"'"))
    return found


def _words(value: str) -> list[str]:
    """`"A=1 2" B=3` as A=1 2 and B=3."""
    return [double or single or plain for double, single, plain in _WORD.findall(value)]

"""Names that become files and folders: those that some system keeps for a device."""

from __future__ import annotations

import re

# By Microsoft's "Naming Files, Paths, and Namespaces": also with an ending, and in any case.
_DEVICES = re.compile(r"(CON|PRN|AUX|NUL|COM[0-9]|LPT[0-9])(\..*)?", re.IGNORECASE)


def why_not_portable(name: str) -> str:
    """Why no file can have this name on every system; "" where one can."""
    return f'"{name}" is a device on Windows, expected another name' if _DEVICES.fullmatch(name) else ""

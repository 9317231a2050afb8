"""Which paths an archive may hold: nothing that leaves the destination, nothing that two systems read
differently.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

from mobius.archive.manifest import Entry

_RESERVED = {"con", "prn", "aux", "nul", "conin$", "conout$"} | {
    f"{port}{number}" for port in ("com", "lpt") for number in "123456789¹²³"
}
_NOT_ON_WINDOWS = frozenset('\\:<>"|?*')
_HOPS = 40  # as the kernel: more links than this in one path are a loop


def why_hostile(entries: Sequence[Entry], *, portable: bool) -> str | None:
    """Why these entries must not be written below one folder, or None.

    Always refused: paths that are absolute, climb, repeat, or lie below something that is no directory. With
    `portable` also: what Windows reads differently, names that differ only by case, and links that lead out.
    """
    kinds: dict[str, str] = {}
    folded: dict[str, str] = {}
    for entry in entries:
        why = _why_climbs(entry.path) or (_why_unportable(entry.path) if portable else None)
        if why:
            return f"{entry.path!r} {why}"
        if _unwritable(entry.link_target):
            return f"{entry.path!r} is a link to a name that no system has"
        if entry.path in kinds:
            return f"{entry.path!r} is there twice"
        kinds[entry.path] = entry.kind
        if portable and (why := _twin(entry.path, folded)):
            return f"{entry.path!r} and {why!r} differ only by case"
    for path in kinds:
        for parent in _parents(path):
            if kinds.get(parent, "directory") != "directory":
                return f"{path!r} lies below {parent!r}, which is a {kinds[parent]}"
    return _why_leads_out(entries) if portable else None


def _why_climbs(path: str) -> str | None:
    if path.startswith("/"):
        return "is absolute"
    if _unwritable(path):
        return "is a name that no system has"
    if any(part in ("", ".", "..") for part in path.split("/")):
        return "is not a plain path"
    return None


def _unwritable(name: str) -> bool:
    """Whether it holds a NUL, or half a character, which JSON can carry."""
    return "\x00" in name or any("\ud800" <= char <= "\udfff" for char in name)


def _why_unportable(path: str) -> str | None:
    for part in path.split("/"):
        if any(char in _NOT_ON_WINDOWS or ord(char) < 32 for char in part):
            return "holds a character that Windows reads as something else"
        if part[-1] in " .":
            return "has a part that ends in a dot or a space, which Windows drops"
        if part.split(".")[0].rstrip(" ").casefold() in _RESERVED:
            return "is a device's name on Windows"
    return None


def _twin(path: str, folded: dict[str, str]) -> str | None:
    """Another spelling of this path, or of a folder on the way to it; remembers what it saw."""
    for spelling in (*_parents(path), path):
        seen = folded.setdefault(unicodedata.normalize("NFC", spelling).casefold(), spelling)
        if seen != spelling:
            return seen
    return None


def _why_leads_out(entries: Sequence[Entry]) -> str | None:
    links = {entry.path: entry.link_target for entry in entries if entry.kind == "symlink"}
    for path in links:
        if _leads_out(path, links):
            return f"the link {path!r} -> {links[path]!r} leads out of the destination"
    return None


def _leads_out(path: str, links: Mapping[str, str]) -> bool:
    """Walk the link as the kernel would, with the archive's own links as the only ones on the way."""
    todo = list(reversed(path.split("/")))
    here: list[str] = []
    hops = 0
    while todo:
        part = todo.pop()
        if part in ("", "."):
            continue
        if part == "..":
            if not here:
                return True
            here.pop()
            continue
        here.append(part)
        target = links.get("/".join(here))
        if target is None:
            continue
        hops += 1
        if hops > _HOPS or target.startswith("/") or "\\" in target or target[1:2] == ":":
            return True
        here.pop()
        todo.extend(reversed(target.split("/")))
    return False


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]

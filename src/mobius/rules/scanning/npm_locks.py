"""The packages of the lock files that npm writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mobius.model.scan import Package
from mobius.rules.scanning.shapes import document, table, writable


def npm_packages(content: str) -> tuple[Package, ...]:
    """Those of a package-lock.json or npm-shrinkwrap.json; what lies in the project itself is none. Raises `Unread`."""
    made = document(content, "the lock file")
    if "packages" in made:
        found = _of_places(table(made["packages"], "the packages of the lock file"))
        if found or not made.get("dependencies"):  # npm falls back on the old list, too
            return found
    return tuple(_of_old(table(made.get("dependencies", {}), "the packages of the lock file"), ""))


def missing_from_lock(needs: str, lock: str, *, dev: bool) -> list[str]:
    """What a package.json needs and its lock file has not: that lock file is of another day. Raises `Unread`."""
    made, locked = document(needs, "package.json", by_hand=True), document(lock, "the lock file")
    places = [*_names(locked.get("packages")), *_names(locked.get("dependencies"))]
    there = {place.rpartition("node_modules/")[2] for place in places}
    keys = ("dependencies", "optionalDependencies", *(("devDependencies",) if dev else ()))
    wanted = {name: version for key in keys for name, version in _names(made.get(key)).items()}
    local = ("file:", "link:", "workspace:")
    return sorted(
        name
        for name, version in wanted.items()
        if name not in there and not (isinstance(version, str) and version.startswith(local))
    )


def _of_places(places: Mapping[str, Any]) -> tuple[Package, ...]:
    found = []
    for place, entry in places.items():
        one = table(entry, f"{place or 'the project'} in the lock file")
        if "node_modules/" not in f"{place}/" or one.get("link"):
            continue
        needs = {**_names(one.get("dependencies")), **_names(one.get("optionalDependencies"))}
        above = (_resolved(place, name, places) for name in sorted(needs))
        found.append(
            Package(
                "npm",
                _text(one.get("name")) or writable(place.rpartition("node_modules/")[2]),
                _text(one.get("version")),
                place,
                one.get("dev") is True,
                _text(one.get("integrity")),
                _text(one.get("license")),
                tuple(dict.fromkeys(each for each in above if each)),
            )
        )
    return tuple(found)


def _resolved(place: str, name: str, places: Mapping[str, Any]) -> str:
    """Where Node finds `name` for what lies at `place`: the nearest folder above that has it; "" for nowhere."""
    while True:
        candidate = f"{place}/node_modules/{name}".lstrip("/")
        if candidate in places:
            return candidate
        if not place:
            return ""
        place = place.rpartition("node_modules/")[0].rstrip("/")


def _of_old(dependencies: Mapping[str, Any], above: str) -> list[Package]:
    """Of the lock files that npm 5 and 6 wrote."""
    found: list[Package] = []
    for name, entry in dependencies.items():
        one = table(entry, f"{name} in the lock file")
        place = f"{above}/node_modules/{name}".lstrip("/")
        found.append(
            Package(
                "npm",
                writable(name),
                _text(one.get("version")),
                place,
                one.get("dev") is True,
                _text(one.get("integrity")),
            )
        )
        if len(place) < 4000 and isinstance(one.get("dependencies"), dict):
            found += _of_old(one["dependencies"], place)
    return found


def _text(value: object) -> str:
    return writable(value) if isinstance(value, str) else ""


def _names(value: object) -> dict[str, object]:
    return {str(key): each for key, each in value.items()} if isinstance(value, dict) else {}

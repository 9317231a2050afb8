"""What a project says that it depends on: which file is asked about by which source, and the packages in it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from mobius.model.scan import NotKnown, Package, SourceName
from mobius.rules.scanning.shapes import Unread, document, table, writable

NPM_LOCKS = ("npm-shrinkwrap.json", "package-lock.json")
REQUIREMENTS = re.compile(r"requirements([-_.][\w.-]+)?\.txt")
ONLY_OSV = (
    *(
        "yarn.lock",
        "pnpm-lock.yaml",
        "bun.lock",
        "uv.lock",
        "poetry.lock",
        "pdm.lock",
        "Pipfile.lock",
        "pylock.toml",
    ),
    *("go.mod", "Cargo.lock", "composer.lock", "Gemfile.lock", "pom.xml", "gradle.lockfile", "mix.lock"),
    *(
        "pubspec.lock",
        "packages.lock.json",
        "conan.lock",
        "renv.lock",
        "cabal.project.freeze",
        "stack.yaml.lock",
    ),
)
LOCKED_BY = {
    "Pipfile": "Pipfile.lock",
    "Gemfile": "Gemfile.lock",
    "composer.json": "composer.lock",
    "Cargo.toml": "Cargo.lock",
}
ASKS: dict[str, SourceName] = {"package.json": "npm", "pyproject.toml": "pip"}
NEEDS = (*ASKS, *LOCKED_BY)  # files that say what is needed, and not which versions are installed
ASIDE = frozenset({"test", "tests", "fixtures", "examples", "docs", "spec", "__tests__"})
FOR_DEVELOPERS = re.compile(r"(^|[-_./])(dev|develop|development|test|tests|testing|lint|docs?|ci)([-_./]|$)")


@dataclass(frozen=True, slots=True)
class Manifest:
    """One file that a source is asked about; `doubt`: why it cannot be, where that is known already."""

    source: SourceName
    path: str
    doubt: NotKnown | None = None


def manifests(texts: Mapping[str, str], sources: Sequence[SourceName], *, dev: bool) -> tuple[Manifest, ...]:
    """Every file that must be asked about, of the project's files by path; `sources`: () for whatever fits."""
    found: list[Manifest] = []
    there = [PurePosixPath(path) for path in sorted(texts) if dev or not _is_aside(path)]
    names: dict[PurePosixPath, set[str]] = {}
    for file in there:
        names.setdefault(file.parent, set()).add(file.name)
    for file in there:
        path, name, folder = str(file), file.name, file.parent
        if name in NPM_LOCKS:
            if (
                name == NPM_LOCKS[0] or NPM_LOCKS[0] not in names[folder]
            ):  # npm reads the first where both are there
                found.append(Manifest("npm", path))
        elif REQUIREMENTS.fullmatch(name) or (folder.name == "requirements" and name.endswith(".txt")):
            if dev or not FOR_DEVELOPERS.search(name.removesuffix(".txt")):
                found.append(Manifest("pip", path))
        elif name in ONLY_OSV:
            found.append(Manifest("osv", path))
        elif name in NEEDS and (doubt := _without_lock(name, texts[path], _around(file, names), dev=dev)):
            found.append(Manifest(ASKS.get(name, "osv"), path, doubt))
    if not sources:
        return tuple(found)
    if "osv" in sources:  # it reads the others' files as well
        extra = [Manifest("osv", each.path) for each in found if each.doubt is None and each.source != "osv"]
        found += [each for each in extra if "npm" not in sources or not each.path.endswith(".json")]
    return tuple(each for each in found if each.source in sources)


def npm_packages(content: str) -> tuple[Package, ...]:
    """Those of a package-lock.json or npm-shrinkwrap.json; what lies in the project itself is none. Raises `Unread`."""
    made = document(content, "the lock file")
    if "packages" in made:
        found = _of_places(table(made["packages"], "the packages of the lock file"))
        if found or not made.get("dependencies"):  # npm falls back on the old list, too
            return found
    return tuple(_of_old(table(made.get("dependencies", {}), "the packages of the lock file"), ""))


def _is_aside(path: str) -> bool:
    return bool(ASIDE & set(PurePosixPath(path).parts[:-1]))


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


def _around(file: PurePosixPath, names: Mapping[PurePosixPath, set[str]]) -> set[str]:
    """The names of the files beside it and in the folders above: one lock file may be that of a whole work space."""
    return set().union(*(names.get(folder, set()) for folder in file.parents))


def _without_lock(name: str, content: str, beside: set[str], *, dev: bool) -> NotKnown | None:
    """What a project needs and no lock file fixes; None where it needs nothing, or there is one."""
    if name in LOCKED_BY:
        step = f"commit {LOCKED_BY[name]}"
        return None if LOCKED_BY[name] in beside else NotKnown(f"there is no {LOCKED_BY[name]}", step)
    try:
        if name == "package.json" and not beside & {*NPM_LOCKS, "yarn.lock", "pnpm-lock.yaml", "bun.lock"}:
            made = document(content, name, by_hand=True)
            keys = ("dependencies", "optionalDependencies", *(("devDependencies",) if dev else ()))
            if any(made.get(key) for key in keys):
                return NotKnown(
                    "no lock file says which versions are installed", "npm install --package-lock-only"
                )
        locked = any(REQUIREMENTS.fullmatch(other) or other in ONLY_OSV for other in beside)
        if name == "pyproject.toml" and not locked and _python_needs(tomllib.loads(content)):
            return NotKnown(
                "no file says which versions are installed", "write a requirements.txt with hashes"
            )
    except (Unread, tomllib.TOMLDecodeError, RecursionError) as problem:
        return NotKnown(f"{name} cannot be read: {problem}", "mend it, then: mobius scan")
    return None


def _python_needs(made: Mapping[str, Any]) -> bool:
    """Whether a pyproject.toml needs packages, as the standard or as Poetry says it."""
    project, tool = _names(made.get("project")), _names(made.get("tool"))
    by_poetry = _names(_names(tool.get("poetry")).get("dependencies"))
    return bool(project.get("dependencies")) or bool(by_poetry.keys() - {"python"})


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


def _text(value: object) -> str:
    return writable(value) if isinstance(value, str) else ""


def _names(value: object) -> dict[str, object]:
    return {str(key): each for key, each in value.items()} if isinstance(value, dict) else {}


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

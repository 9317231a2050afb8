"""What a project says that it depends on: which file is asked about by which source, and the packages in it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from mobius.model.scan import NotKnown, SourceName
from mobius.rules.scanning.shapes import Unread, document
from mobius.rules.scanning.workspaces import has_parts, is_part, lock_above, not_required, python_needs

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
Names = Mapping[PurePosixPath, set[str]]  # of the files, by their folder
NEEDS = (*ASKS, *LOCKED_BY)  # files that say what is needed, and not which versions are installed
JS_LOCKS = frozenset({*NPM_LOCKS, "yarn.lock", "pnpm-lock.yaml", "bun.lock"})
PYTHON_LOCKS = frozenset({"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml"})
ASIDE = frozenset({"test", "tests", "fixtures", "examples", "docs", "spec", "__tests__"})
FOR_DEVELOPERS = re.compile(r"(^|[-_./])(dev|develop|development|test|tests|testing|lint|docs?|ci)([-_./]|$)")


@dataclass(frozen=True, slots=True)
class Manifest:
    """One file that a source is asked about; `doubt`: why it cannot be, where that is known already; `parts`: the
    package.json of the other folders whose lock file it is."""

    source: SourceName
    path: str
    doubt: NotKnown | None = None
    parts: tuple[str, ...] = ()


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
        elif name in NEEDS and (doubt := _without_lock(file, texts, names, dev=dev)):
            found.append(Manifest(ASKS.get(name, "osv"), path, doubt))
    found = [
        replace(each, parts=_parts(each, texts, names)) if each.source == "npm" else each for each in found
    ]
    if not sources:
        return tuple(found)
    if "osv" in sources:  # it reads the others' files as well
        extra = [Manifest("osv", each.path) for each in found if each.doubt is None and each.source != "osv"]
        found += [each for each in extra if "npm" not in sources or not each.path.endswith(".json")]
    return tuple(each for each in found if each.source in sources)


def _is_aside(path: str) -> bool:
    return bool(ASIDE & set(PurePosixPath(path).parts[:-1]))


def _without_lock(
    file: PurePosixPath, texts: Mapping[str, str], names: Names, *, dev: bool
) -> NotKnown | None:
    """What a part of the project needs and no lock file fixes; None where it needs nothing, or there is one."""
    name, content = file.name, texts[str(file)]
    if name in LOCKED_BY:
        # One lock file may be that of a whole Cargo work space; the others have none.
        folders = file.parents if name == "Cargo.toml" else (file.parent,)
        is_there = any(LOCKED_BY[name] in names.get(folder, set()) for folder in folders)
        return None if is_there else NotKnown(f"there is no {LOCKED_BY[name]}", f"commit {LOCKED_BY[name]}")
    try:
        if name == "package.json":
            return _without_js_lock(file.parent, content, texts, names, dev=dev)
        return _without_python_lock(file.parent, content, texts, names)
    except (Unread, tomllib.TOMLDecodeError, RecursionError) as problem:
        return NotKnown(f"{name} cannot be read: {problem}", "mend it, then: mobius scan")


def _without_js_lock(
    folder: PurePosixPath, content: str, texts: Mapping[str, str], names: Names, *, dev: bool
) -> NotKnown | None:
    above = lock_above(folder, names, JS_LOCKS)
    if above == folder:
        return None
    made = document(content, "package.json", by_hand=True)
    keys = ("dependencies", "optionalDependencies", *(("devDependencies",) if dev else ()))
    if not any(made.get(key) for key in keys):
        return None
    step = "npm install --package-lock-only"
    if above is None:
        return NotKnown("no lock file says which versions are installed", step)
    if is_part(folder, above, names[above], texts.get(str(above / "package.json"), "")):
        return None
    return NotKnown(
        "it has no lock file of its own, and is no part of the work space above it",
        f"name {folder.relative_to(above)} in workspaces of package.json there; or, beside it: {step}",
    )


def _without_python_lock(
    folder: PurePosixPath, content: str, texts: Mapping[str, str], names: Names
) -> NotKnown | None:
    above = lock_above(folder, names, PYTHON_LOCKS)
    if above == folder or not (needs := python_needs(tomllib.loads(content))):
        return None
    if above is not None and has_parts(tomllib.loads(texts.get(str(above / "pyproject.toml"), ""))):
        return None
    step = "write a requirements.txt with hashes"
    files = [
        each / name for each in (folder, *folder.parents) for name in names.get(each, ()) if _is_pinned(name)
    ]
    if not files:
        return NotKnown("no file says which versions are installed", step)
    if missing := not_required(needs, (texts[str(file)] for file in files)):
        of = ", ".join(sorted(str(file) for file in files)[:3])
        return NotKnown(
            f"{of} does not have {', '.join(missing[:3])}, which it needs", f"{step} of all it needs"
        )
    return None


def _is_pinned(name: str) -> bool:
    return bool(REQUIREMENTS.fullmatch(name)) and not FOR_DEVELOPERS.search(name.removesuffix(".txt"))


def _parts(lock: Manifest, texts: Mapping[str, str], names: Names) -> tuple[str, ...]:
    """The package.json of every part of the work space that this lock file is of."""
    above = PurePosixPath(lock.path).parent
    if lock.doubt is not None:
        return ()
    root = texts.get(str(above / "package.json"), "")
    return tuple(
        str(folder / "package.json")
        for folder, files in names.items()
        if "package.json" in files
        and folder != above
        and lock_above(folder, names, JS_LOCKS) == above
        and is_part(folder, above, names[above], root)
    )

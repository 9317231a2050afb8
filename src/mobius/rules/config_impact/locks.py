"""What the service is built from: direct dependencies by their locked versions, and what runs when it is built."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from mobius.model.impact import ConfigChange
from mobius.model.linting import Impact
from mobius.rules.config_impact.versions import is_major
from mobius.rules.config_impact.weights import masked

_FILES = (
    "package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pyproject.toml", "poetry.lock", "uv.lock",
    "pipfile.lock", "cargo.toml", "cargo.lock",
)  # fmt: skip
_REQUIREMENTS = re.compile(r"requirements.*\.txt|constraints.*\.txt", re.IGNORECASE)
_PINNED = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*===?\s*([^\s;\\#]+)", re.MULTILINE)
_REQUIRED = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_YARN = re.compile(r'^"?(@?[^@\s"]+)@[^\n]*:\n\s+version:?\s+"?([^\s"]+)', re.MULTILINE)
_RUN_WHEN_BUILT = ("preinstall", "install", "postinstall", "prepare")


@dataclass(slots=True)
class _Built:
    """What one folder's manifests and locks say. `direct`: name to what is asked for; `locked`: name to version."""

    direct: dict[str, str] = field(default_factory=dict)
    locked: dict[str, str] = field(default_factory=dict)
    runs: set[str] = field(default_factory=set)  # packages with an install script
    start: dict[str, str] = field(default_factory=dict)
    engines: dict[str, str] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    lock_file: str = ""


def is_manifest(name: str) -> bool:
    return name.lower() in _FILES or _REQUIREMENTS.fullmatch(name) is not None


def lock_changes(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[ConfigChange]:
    """Folder by folder, from the deployed release to the candidate."""
    folders = {
        (PurePosixPath(path).parent, _family(path))
        for path in (*old, *new)
        if is_manifest(PurePosixPath(path).name)
    }
    for folder, family in sorted(folders, key=str):
        before, after = _of(old, folder, family), _of(new, folder, family)
        if before == after:
            continue
        was, becomes = _built(before), _built(after)
        named = str(folder / (becomes.lock_file or was.lock_file or family))
        yield from _broken(named, becomes)
        yield from _dependencies(named, was, becomes)
        yield from _programs(str(folder / family), was, becomes)


def _family(path: str) -> str:
    name = PurePosixPath(path).name.lower()
    if name in ("package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock"):
        return "package.json"
    if name.startswith("cargo."):
        return "Cargo.toml"
    return name if _REQUIREMENTS.fullmatch(name) else "pyproject.toml"


def _of(files: Mapping[str, str], folder: PurePosixPath, family: str) -> dict[str, str]:
    return {
        PurePosixPath(path).name: text
        for path, text in files.items()
        if PurePosixPath(path).parent == folder
        and is_manifest(PurePosixPath(path).name)
        and _family(path) == family
    }


def _built(files: Mapping[str, str]) -> _Built:
    built = _Built()
    for name, text in files.items():
        try:
            _READERS.get(name.lower(), _requirements)(text, built)
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            built.unread.append(name)
        if name.lower().endswith(("lock", "lock.json", "shrinkwrap.json")) or _REQUIREMENTS.fullmatch(name):
            built.lock_file = name
    return built


def _package(text: str, built: _Built) -> None:
    says = json.loads(text)
    for group in ("dependencies", "optionalDependencies"):
        built.direct |= {name: str(asked) for name, asked in (says.get(group) or {}).items()}
    scripts = says.get("scripts") or {}
    built.start = {name: str(scripts[name]) for name in ("start", *_RUN_WHEN_BUILT) if name in scripts}
    built.engines = {name: str(asked) for name, asked in (says.get("engines") or {}).items()}


def _package_lock(text: str, built: _Built) -> None:
    says = json.loads(text)
    for place, package in (says.get("packages") or {}).items():
        name = place.rpartition("node_modules/")[2]
        if name and place.count("node_modules/") == 1:
            built.locked[name] = str(package.get("version", ""))
        if name and package.get("hasInstallScript"):
            built.runs.add(name)
    for name, package in (says.get("dependencies") or {}).items():
        built.locked.setdefault(name, str(package.get("version", "")))


def _yarn(text: str, built: _Built) -> None:
    built.locked |= dict(_YARN.findall(text))


def _pyproject(text: str, built: _Built) -> None:
    says = tomllib.loads(text)
    listed = (says.get("project") or {}).get("dependencies") or []
    built.direct |= {_normal(match[1]): each for each in listed if (match := _REQUIRED.match(each))}
    poetry = ((says.get("tool") or {}).get("poetry") or {}).get("dependencies") or {}
    built.direct |= {_normal(name): str(asked) for name, asked in poetry.items() if name != "python"}
    python = (says.get("project") or {}).get("requires-python") or poetry.get("python")
    if python:
        built.engines["python"] = str(python)


def _toml_lock(text: str, built: _Built) -> None:
    for package in tomllib.loads(text).get("package", []):
        built.locked[_normal(package["name"])] = str(package.get("version", ""))


def _pipfile_lock(text: str, built: _Built) -> None:
    for name, package in (json.loads(text).get("default") or {}).items():
        built.locked[_normal(name)] = str(package.get("version", "")).lstrip("=")
        built.direct[_normal(name)] = "*"


def _cargo(text: str, built: _Built) -> None:
    listed: dict[str, Any] = tomllib.loads(text).get("dependencies") or {}
    built.direct |= {_normal(name): str(asked) for name, asked in listed.items()}


def _requirements(text: str, built: _Built) -> None:
    built.locked |= {_normal(name): version for name, version in _PINNED.findall(text)}
    built.direct |= dict.fromkeys(built.locked, "==")


_READERS = {
    "package.json": _package, "package-lock.json": _package_lock, "npm-shrinkwrap.json": _package_lock,
    "yarn.lock": _yarn, "pyproject.toml": _pyproject, "poetry.lock": _toml_lock, "uv.lock": _toml_lock,
    "pipfile.lock": _pipfile_lock, "cargo.toml": _cargo, "cargo.lock": _toml_lock,
}  # fmt: skip


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _broken(path: str, built: _Built) -> Iterator[ConfigChange]:
    for name in built.unread:
        yield ConfigChange(
            path, name, Impact.HIGH, f"{name} cannot be read: the build will fail", f"mend {name}"
        )
    if built.lock_file and built.locked:
        for name in sorted(built.direct.keys() - built.locked.keys()):
            reason = (
                f"{name} is asked for, and is not in {built.lock_file}: what is built is not what was tried"
            )
            yield ConfigChange(path, name, Impact.MEDIUM, reason)


def _dependencies(path: str, was: _Built, becomes: _Built) -> Iterator[ConfigChange]:
    others = 0
    for name in sorted({*was.locked, *becomes.locked, *was.direct, *becomes.direct}):
        old = was.locked.get(name) or was.direct.get(name, "")
        new = becomes.locked.get(name) or becomes.direct.get(name, "")
        if old == new:
            continue
        if name not in becomes.direct and name not in was.direct:
            others += 1
        elif old and new and is_major(old, new):
            yield ConfigChange(
                path, name, Impact.MEDIUM, f"{name} goes from {old} to {new}: its interface may differ"
            )
        elif not old or not new:
            yield ConfigChange(path, name, Impact.LOW, f"{name} is {'new' if new else 'gone'}")
        else:
            yield ConfigChange(path, name, Impact.LOW, f"{name} goes from {old} to {new}")
    if others:
        yield ConfigChange(path, "", Impact.LOW, f"of what others need, {others} changed")
    for name in sorted(becomes.runs - was.runs):
        reason = f"{name} runs a program of its own when it is installed, and did not before"
        yield ConfigChange(path, name, Impact.MEDIUM, reason)


def _programs(path: str, was: _Built, becomes: _Built) -> Iterator[ConfigChange]:
    for name in sorted({*was.start, *becomes.start}):
        if was.start.get(name) != becomes.start.get(name):
            old, new = was.start.get(name, "nothing"), becomes.start.get(name, "nothing")
            told = f"the script {name} goes from {masked(old)} to {masked(new)}"
            yield ConfigChange(path, f"scripts.{name}", Impact.MEDIUM, told)
    for name in sorted(was.engines.keys() & becomes.engines.keys()):
        old, new = was.engines[name], becomes.engines[name]
        if old == new:
            continue
        by_minor = name == "python" and re.findall(r"\d+", old)[:2] != re.findall(r"\d+", new)[:2]
        impact = Impact.HIGH if is_major(old, new) or by_minor else Impact.LOW
        undo = f"run it with {name} {old} again" if impact is Impact.HIGH else ""
        yield ConfigChange(path, f"engines.{name}", impact, f"{name}: {old} becomes {new}", undo)

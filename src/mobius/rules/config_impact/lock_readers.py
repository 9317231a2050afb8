"""What manifests and lock files say, format by format: npm, yarn, pnpm, Python's, Cargo, Go, Bundler, Composer."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from mobius.rules.config_impact.documents import parsed

_REQUIREMENTS = re.compile(r"(?:.*[-_.])?(?:requirements|constraints).*\.(?:txt|in|lock)", re.IGNORECASE)
_PINNED = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*===?\s*([^\s;\\#]+)", re.MULTILINE)
_ASKED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?[ \t]*([<>=!~@][^;\\#\n]*)?", re.MULTILINE)
_REQUIRED = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_YARN = re.compile(r'^("?@?[^@\s"]+@[^\n]*):\n\s+version:?\s+"?([^\s"]+)', re.MULTILINE)
_GO = re.compile(r"^\s*(?:require\s+)?([\w.-]+\.[\w./~-]+)\s+(v\d[^\s/]*)[ \t]*(//[^\n]*)?$", re.MULTILINE)
_GEM = re.compile(r"^    ([A-Za-z0-9_.-]+) \(([^)]+)\)$", re.MULTILINE)
_GEM_ASKED = re.compile(r"^  ([A-Za-z0-9_.-]+)(?: \(([^)]+)\))?!?$", re.MULTILINE)
RUN_WHEN_BUILT = ("preinstall", "install", "postinstall", "prepare")
_ELSEWHERE = ("workspace:", "file:", "link:", "portal:", "catalog:", "npm:", "git", "http")


@dataclass(slots=True)
class Built:
    """What one folder's manifests and locks say. `direct`: name to what is asked for; `locked`: name to version."""

    direct: dict[str, str] = field(default_factory=dict)
    locked: dict[str, str] = field(default_factory=dict)
    made_for: dict[str, str] = field(default_factory=dict)  # what was asked for when the lock file was made
    runs: set[str] = field(default_factory=set)  # packages with an install script
    start: dict[str, str] = field(default_factory=dict)
    engines: dict[str, str] = field(default_factory=dict)
    sums: set[str] = field(default_factory=set)  # `module version` of go.sum
    unread: list[str] = field(default_factory=list)
    lock_file: str = ""


def is_manifest(path: PurePosixPath) -> bool:
    if path.name.lower() in READERS or _REQUIREMENTS.fullmatch(path.name):
        return True
    return path.parent.name == "requirements" and path.suffix in (".txt", ".in")


def family_of(path: PurePosixPath) -> str:
    """The manifest that a file goes with; a file of requirements goes with none but itself."""
    found = READERS.get(path.name.lower())
    return found[0] if found else path.name.lower()


def built_of(files: Mapping[str, str]) -> Built:
    """What the files of one family in one folder say together."""
    built = Built()
    for name, text in files.items():
        _family, is_lock, read = READERS.get(name.lower(), ("", True, _requirements))
        try:
            read(text, built)
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            built.unread.append(name)
        if is_lock:
            built.lock_file = name
    for name, asked in built.direct.items():  # yarn keeps one version for each range that is asked for
        version = built.locked.get(f"{name}@{asked}") or built.locked.get(f"{name}@npm:{asked}")
        if version:
            built.locked[name], built.made_for[name] = version, asked
    built.locked = {name: version for name, version in built.locked.items() if "@" not in name[1:]}
    return built


def not_of_the_lock(built: Built) -> list[str]:
    """The dependencies that the lock file does not have as they are asked for now."""
    missing = built.direct.keys() - built.locked.keys() if built.lock_file and built.locked else set()
    other = {
        name
        for name, asked in built.direct.items()
        if built.made_for.get(name, asked) != asked and not asked.startswith(_ELSEWHERE)
    }
    unsummed = {
        name for name, version in built.locked.items() if built.sums and f"{name} {version}" not in built.sums
    }
    return sorted({*missing, *other, *unsummed})


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _asked(asked: Any) -> str:
    return str(asked.get("version", asked)) if isinstance(asked, dict) else str(asked)


def _package(text: str, built: Built) -> None:
    says = json.loads(text)
    for group in ("dependencies", "optionalDependencies"):
        built.direct |= {name: str(asked) for name, asked in (says.get(group) or {}).items()}
    scripts = says.get("scripts") or {}
    built.start = {name: str(scripts[name]) for name in ("start", *RUN_WHEN_BUILT) if name in scripts}
    built.engines = {name: str(asked) for name, asked in (says.get("engines") or {}).items()}
    if manager := says.get("packageManager"):
        name, _, version = str(manager).partition("@")
        built.engines[name] = version.partition("+")[0]


def _package_lock(text: str, built: Built) -> None:
    says = json.loads(text)
    packages = says.get("packages") or {}
    for place, package in packages.items():
        name = place.rpartition("node_modules/")[2]
        if name and place.count("node_modules/") == 1:
            built.locked[name] = str(package.get("version", ""))
        if name and package.get("hasInstallScript"):
            built.runs.add(name)
    own = packages.get("") or {}
    for group in ("dependencies", "optionalDependencies"):
        built.made_for |= {name: str(asked) for name, asked in (own.get(group) or {}).items()}
    for name, package in (says.get("dependencies") or {}).items():
        built.locked.setdefault(name, str(package.get("version", "")))


def _yarn(text: str, built: Built) -> None:
    for heads, version in _YARN.findall(text):
        for head in heads.replace('"', "").split(","):
            name, _, asked = head.strip()[1:].partition("@")
            name = head.strip()[0] + name
            built.locked[f"{name}@{asked}"] = built.locked[name] = version


def _pnpm(text: str, built: Built) -> None:
    says, problem = parsed("pnpm-lock.yaml", text)
    if problem:
        raise ValueError(problem)
    says = (says or [{}])[0] if isinstance(says, list) else says
    own = (says.get("importers") or {}).get(".") or says
    for name, asked in (own.get("specifiers") or {}).items():  # until version 5
        built.made_for[name] = str(asked)
    for group in ("dependencies", "optionalDependencies"):
        for name, package in (own.get(group) or {}).items():
            version = _asked(package)
            if isinstance(package, dict):
                built.made_for[name] = str(package.get("specifier", ""))
            built.locked[name] = re.split(r"[(_]", version)[0]
    for place, package in (says.get("packages") or {}).items():
        name, version = _pnpm_name(str(place))
        built.locked.setdefault(name, version)
        if isinstance(package, dict) and package.get("requiresBuild"):
            built.runs.add(name)


def _pnpm_name(place: str) -> tuple[str, str]:
    """`/lodash/4.17.21` (5), `/lodash@4.17.21(peer@1)` (6) and `lodash@4.17.21` (9)."""
    plain = place.lstrip("/").partition("(")[0]
    mark = "@" if "@" in plain[1:] else "/"
    name, _, version = plain.rpartition(mark)
    return name, version.partition("_")[0]


def _pyproject(text: str, built: Built) -> None:
    says = tomllib.loads(text)
    listed = (says.get("project") or {}).get("dependencies") or []
    built.direct |= {normal(match[1]): each for each in listed if (match := _REQUIRED.match(each))}
    poetry = ((says.get("tool") or {}).get("poetry") or {}).get("dependencies") or {}
    built.direct |= {normal(name): _asked(asked) for name, asked in poetry.items() if name != "python"}
    python = (says.get("project") or {}).get("requires-python") or poetry.get("python")
    if python:
        built.engines["python"] = str(python)


def _toml_lock(text: str, built: Built) -> None:
    for package in tomllib.loads(text).get("package", []):
        built.locked[normal(package["name"])] = str(package.get("version", ""))


def _pipfile(text: str, built: Built) -> None:
    says = tomllib.loads(text)
    built.direct |= {normal(name): _asked(asked) for name, asked in (says.get("packages") or {}).items()}
    if python := (says.get("requires") or {}).get("python_version"):
        built.engines["python"] = str(python)


def _pipfile_lock(text: str, built: Built) -> None:
    for name, package in (json.loads(text).get("default") or {}).items():
        built.locked[normal(name)] = str(package.get("version", "")).lstrip("=")


def _cargo(text: str, built: Built) -> None:
    listed: dict[str, Any] = tomllib.loads(text).get("dependencies") or {}
    for name, asked in listed.items():
        other = asked.get("package", name) if isinstance(asked, dict) else name
        if not (isinstance(asked, dict) and ("path" in asked or "workspace" in asked)):
            built.direct[normal(other)] = _asked(asked)


def _requirements(text: str, built: Built) -> None:
    built.locked |= {normal(name): version for name, version in _PINNED.findall(text)}
    built.direct |= {normal(name): asked.strip() or "*" for name, asked in _ASKED.findall(text)}
    built.locked |= {name: asked for name, asked in built.direct.items() if name not in built.locked}


def _go_mod(text: str, built: Built) -> None:
    for name, version, comment in _GO.findall(text):
        built.locked[name] = version
        if "indirect" not in comment:
            built.direct[name] = version


def _go_sum(text: str, built: Built) -> None:
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3:
            built.sums.add(f"{words[0]} {words[1].removesuffix('/go.mod')}")


def _gemfile_lock(text: str, built: Built) -> None:
    built.locked |= dict(_GEM.findall(text))
    asked = text.partition("\nDEPENDENCIES\n")[2].partition("\n\n")[0]
    built.direct |= {name: said or "*" for name, said in _GEM_ASKED.findall(asked)}


def _composer(text: str, built: Built) -> None:
    for name, asked in (json.loads(text).get("require") or {}).items():
        if name == "php":
            built.engines[name] = str(asked)
        elif not name.startswith("ext-"):
            built.direct[name] = str(asked)


def _composer_lock(text: str, built: Built) -> None:
    built.locked |= {each["name"]: str(each["version"]).lstrip("v") for each in json.loads(text)["packages"]}


Reader = Callable[[str, Built], None]
# Name to the manifest it goes with, whether it is a lock file, and how it is read.
READERS: Mapping[str, tuple[str, bool, Reader]] = {
    "package.json": ("package.json", False, _package),
    "package-lock.json": ("package.json", True, _package_lock),
    "npm-shrinkwrap.json": ("package.json", True, _package_lock),
    "yarn.lock": ("package.json", True, _yarn),
    "pnpm-lock.yaml": ("package.json", True, _pnpm),
    "pyproject.toml": ("pyproject.toml", False, _pyproject),
    "poetry.lock": ("pyproject.toml", True, _toml_lock),
    "uv.lock": ("pyproject.toml", True, _toml_lock),
    "pdm.lock": ("pyproject.toml", True, _toml_lock),
    "pipfile": ("Pipfile", False, _pipfile),
    "pipfile.lock": ("Pipfile", True, _pipfile_lock),
    "cargo.toml": ("Cargo.toml", False, _cargo),
    "cargo.lock": ("Cargo.toml", True, _toml_lock),
    "go.mod": ("go.mod", False, _go_mod),
    "go.sum": ("go.mod", True, _go_sum),
    "gemfile.lock": ("Gemfile.lock", True, _gemfile_lock),
    "composer.json": ("composer.json", False, _composer),
    "composer.lock": ("composer.json", True, _composer_lock),
}

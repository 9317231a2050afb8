"""The packages that a requirements file names, its lines read as pip reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mobius.model.scan import Package
from mobius.rules.scanning.pip_audit import normal

# Options of a requirements file by which it needs no package; each with what it is given.
NAMES_NONE = re.compile(
    r"--(no-index|pre|prefer-binary|require-hashes)"
    r"|(-[if]\s*|--(index-url|extra-index-url|find-links|no-binary|only-binary|trusted-host|use-feature)[=\s]\s*)"
    r"[^\s-]\S*"
)
_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*(.*)")
_PIN = re.compile(r"===?\s*([A-Za-z0-9.!+_-]+)\s*$")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One line of a requirements file. `version`: "" where it is not pinned; `is_sure`: it holds everywhere."""

    name: str
    version: str
    is_sure: bool
    hashed: bool


def requirements(content: str) -> tuple[Requirement, ...]:
    """Those that a requirements file names itself; options, and the files that it includes, are left out."""
    found = []
    for line in _lines(content):
        if not line or line.startswith("-"):
            continue
        hashed = "--hash=" in line
        line, _, marker = re.sub(r"\s--\S+", "", line).partition(";")
        if match := _NAME.fullmatch(line.strip()):
            pinned = _PIN.match(match[3])
            found.append(Requirement(match[1], pinned[1] if pinned else "", not marker.strip(), hashed))
    return tuple(found)


def says_nothing(content: str) -> bool:
    """Whether a requirements file holds comments, empty lines and options only. What is not understood is something."""
    return all(not line or NAMES_NONE.fullmatch(line) for line in _lines(content))


def includes_others(content: str) -> bool:
    """Whether a requirements file names further ones, or may: pip takes the beginning of an option for the whole."""
    return any(line.startswith("-") and not NAMES_NONE.fullmatch(line) for line in _lines(content))


def _lines(content: str) -> list[str]:
    """Without comments; one that goes on in the next is one, but a comment does not go on, as pip reads it."""
    made, begun = [], ""
    for line in content.splitlines():
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            begun += line.strip("\\")
            continue
        made.append(
            re.sub(r"(^|\s)#.*", "", f"{begun} {line}" if line.startswith("#") else begun + line).strip()
        )
        begun = ""
    return [*made, re.sub(r"(^|\s)#.*", "", begun).strip()]


def requirement_packages(content: str, path: str) -> tuple[Package, ...]:
    """The same as packages."""
    return tuple(
        Package("pypi", normal(one.name), one.version, f"{path}#{normal(one.name)}@{one.version}")
        for one in requirements(content)
    )

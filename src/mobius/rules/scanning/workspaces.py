"""Whose lock file fixes what a part of a project needs: its own, or that of a folder above, if it is a part of that."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Set
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

from mobius.rules.scanning.requirements import includes_others, requirements
from mobius.rules.scanning.shapes import Unread, document

PNPM = "pnpm-workspace.yaml"  # says which folders are parts; that there is one is enough
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


def lock_above(
    folder: PurePosixPath, names: Mapping[PurePosixPath, Set[str]], locks: Set[str]
) -> PurePosixPath | None:
    """The nearest folder with one of these lock files: `folder` itself, or one that it lies in; None for none."""
    return next((each for each in (folder, *folder.parents) if names.get(each, frozenset()) & locks), None)


def is_part(folder: PurePosixPath, above: PurePosixPath, names: Set[str], package_json: str) -> bool:
    """Whether `folder` is a part of the work space `above` it, by the `package.json` there, "" for none; `names`: of
    the files there."""
    if PNPM in names:
        return True
    try:
        made = document(package_json, "package.json", by_hand=True) if package_json else {}
    except Unread:
        return False
    said: Any = made.get("workspaces")
    patterns = said.get("packages") if isinstance(said, dict) else said
    parts = folder.relative_to(above).parts
    named = [each for each in patterns if isinstance(each, str)] if isinstance(patterns, list) else []
    return any(_matches(parts, PurePosixPath(each).parts) for each in named if not each.startswith("!"))


def not_required(needs: Iterable[str], files: Iterable[str]) -> list[str]:
    """Which of the needed Python packages none of the requirements files has; none where one names further files. What
    is needed on some systems only may be missing."""
    contents = list(files)
    if any(includes_others(content) for content in contents):
        return []
    there = {_plain(one.name) for content in contents for one in requirements(content)}
    wanted = [match[1] for need in needs if ";" not in need and (match := _NAME.match(need))]
    return [name for name in dict.fromkeys(wanted) if _plain(name) not in there]


def python_needs(made: Mapping[str, Any]) -> list[str]:
    """What a pyproject.toml needs, as the standard or as Poetry says it."""
    project, tool = _table(made.get("project")), _table(made.get("tool"))
    listed = project.get("dependencies")
    standard = [each for each in listed if isinstance(each, str)] if isinstance(listed, list) else []
    return [
        *standard,
        *(name for name in _table(_table(tool.get("poetry")).get("dependencies")) if name != "python"),
    ]


def has_parts(made: Mapping[str, Any]) -> bool:
    """Whether a pyproject.toml makes a work space, whose lock file is that of its parts, too."""
    return bool(_table(_table(made.get("tool")).get("uv")).get("workspace"))


def _matches(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """As globs of folders do: `*` within a name, `**` over any number of them."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(parts[skipped:], pattern[1:]) for skipped in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}

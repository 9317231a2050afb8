"""Alembic's revisions, read from their files: which there are, in which order, and which can be taken back."""

from __future__ import annotations

import ast
import configparser
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mobius.adapters.migrations.python_files import (
    PythonFile,
    assigned,
    calls,
    does_nothing,
    function,
    in_order,
    literal,
    read_python,
    refuses,
)
from mobius.errors import GateFailed

INI, PYPROJECT = "alembic.ini", "pyproject.toml"
BASE = "base"
_BY_HAND = ("get_bind", "Session", "sessionmaker")  # what offline mode cannot say as SQL


@dataclass(frozen=True, slots=True)
class Revision:
    """One file of `versions/`. `needs`: the revisions right below it, and those it depends on besides."""

    id: str
    path: Path
    sha256: str
    below: tuple[str, ...]
    needs: tuple[str, ...]
    has_down: bool
    opaque: bool
    transactional: bool


@dataclass(frozen=True, slots=True)
class Project:
    """Where Alembic is run (`cwd`) and where the revisions are. `ini`: its configuration, None without any."""

    cwd: Path
    ini: Path | None
    versions: tuple[Path, ...]
    recursive: bool = False


def project_in(root: Path) -> Project:
    """The project whose folder `root` is: that of `alembic.ini`, or that of `env.py` and `versions/` with the
    configuration in the folder above. Raises `GateFailed` where there is none."""
    is_scripts = (root / "env.py").is_file()
    for folder in (root, root.parent) if is_scripts else (root,):
        for name in (INI, PYPROJECT):
            if (folder / name).is_file() and (given := _configured(folder / name)) is not None:
                return _project(folder, folder / name, given, root if is_scripts else None)
    if is_scripts:
        return Project(root.parent, None, (root / "versions",))
    raise GateFailed(
        f"there is no Alembic project in {root}: neither {INI} nor env.py",
        "name its folder in migrations.path of mobius.toml",
    )


def _configured(file: Path) -> Mapping[str, str | list[str]] | None:
    """What `alembic.ini` or the `tool.alembic` of a `pyproject.toml` says; None where it says nothing of Alembic."""
    try:
        text = file.read_text("utf-8-sig")
        if file.name == PYPROJECT:
            found = tomllib.loads(text).get("tool", {}).get("alembic")
            return found if isinstance(found, dict) else None
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        parser.read_string(text)
        return dict(parser["alembic"]) if parser.has_section("alembic") else None
    except (OSError, UnicodeDecodeError, configparser.Error, tomllib.TOMLDecodeError) as problem:
        first = str(problem).splitlines()[0]
        raise GateFailed(f"{file} cannot be read: {first}", "correct it, then plan again") from problem


def _project(folder: Path, file: Path, given: Mapping[str, str | list[str]], scripts: Path | None) -> Project:
    location = str(given.get("script_location") or "")
    if scripts is None:
        if not location or ":" in location:
            raise GateFailed(
                f"{file} does not say in which folder its revisions are",
                "write script_location as a folder, or name that folder in migrations.path",
            )
        scripts = _there(location, folder)
    named = given.get("version_locations") or ()
    if isinstance(named, str):
        named = [each for each in re.split(r"[\s,;:]+", named) if each]
    versions = tuple(_there(str(each), folder, scripts) for each in named) or (scripts / "versions",)
    for missing in [each for each in versions if not each.is_dir()] if named else ():
        raise GateFailed(
            f"{file} names revisions in {missing}, which is no folder", "correct version_locations there"
        )
    recursive = str(given.get("recursive_version_locations", "")).lower() in ("true", "1", "yes", "on")
    return Project(folder, file, versions, recursive)


def _there(named: str, here: Path, scripts: Path | None = None) -> Path:
    inside = named.replace("%(here)s", str(here))
    return here / (inside if scripts is None else inside.replace("%(script_location)s", str(scripts)))


def read_revisions(project: Project) -> dict[str, Revision]:
    """Every revision by its id, each after those that it needs. Raises `GateFailed` for files that are wrong: one that
    cannot be read, an id twice, one that needs a revision that is not there."""
    found: dict[str, Revision] = {}
    for folder in project.versions:
        for path in sorted(folder.rglob("*.py") if project.recursive else folder.glob("*.py")):
            if path.name.startswith((".#", "__init__", ".")) or "__pycache__" in path.parts:
                continue
            revision = _revision(read_python(path))
            if revision.id in found:
                raise GateFailed(
                    f"{found[revision.id].path.name} and {path.name} are both revision {revision.id}",
                    "give one of them an id of its own, then plan again",
                )
            found[revision.id] = revision
    whole = {id: _with_whole_ids(each, found) for id, each in found.items()}
    return {id: whole[id] for id in in_order(whole, {id: each.needs for id, each in whole.items()})}


def _with_whole_ids(revision: Revision, known: Iterable[str]) -> Revision:
    """Alembic takes the beginning of an id for the id."""

    def whole(named: str) -> str:
        fits = [id for id in known if id == named] or [id for id in known if id.startswith(named)]
        if len(fits) == 1 and named:
            return fits[0]
        raise GateFailed(
            f"{revision.path.name} stands on revision {named}, which is not there",
            "bring its file back (another branch may have it), then plan again",
        )

    below = tuple(whole(named) for named in revision.below)
    besides = tuple(whole(named) for named in revision.needs if named not in revision.below)
    return replace(revision, below=below, needs=(*below, *besides))


def _revision(file: PythonFile) -> Revision:
    body, name = file.tree.body, file.path.name
    try:
        id = literal(assigned(body, "revision"))
        below = _ids(literal(assigned(body, "down_revision")))
        besides = _ids(literal(assigned(body, "depends_on")))
    except ValueError as problem:
        raise GateFailed(
            f"revision {name} cannot be read without running it: {problem}",
            "write revision and down_revision as plain texts",
        ) from problem
    if not isinstance(id, str) or not id:
        raise GateFailed(
            f"{file.path} has no revision id", "write revision = '…' into it, or move it elsewhere"
        )
    up, down = function(file.tree, "upgrade"), function(file.tree, "downgrade")
    has_nothing_to_undo = up is None or does_nothing(up)  # a merge of branches
    has_down = down is not None and not refuses(down) and (has_nothing_to_undo or not does_nothing(down))
    within: Sequence[ast.AST] = [up] if up is not None else []
    opaque = any(True for each in within for _ in calls(each, *_BY_HAND))
    alone = not any(True for each in within for _ in calls(each, "autocommit_block"))
    return Revision(id, file.path, file.sha256, below, (*below, *besides), has_down, opaque, alone)


def _ids(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    many = value if isinstance(value, tuple | list | set | frozenset) else (value,)
    if not all(isinstance(each, str) for each in many):
        raise ValueError("an id is no text")
    return tuple(sorted(many) if isinstance(value, set | frozenset) else many)


def heads(revisions: Mapping[str, Revision]) -> list[str]:
    """Those that no other stands on."""
    below = {id for each in revisions.values() for id in each.below}
    return [id for id in revisions if id not in below]


def only_head(revisions: Mapping[str, Revision]) -> str:
    """The newest one, "" for none. Raises `GateFailed` where branches were not merged."""
    found = heads(revisions)
    if len(found) > 1:
        named = ", ".join(f"{id} ({revisions[id].path.name})" for id in found)
        raise GateFailed(
            f"there are {len(found)} newest revisions: {named}",
            "merge them: alembic merge heads, then plan again",
        )
    return found[0] if found else ""


def with_all_below(ids: Iterable[str], revisions: Mapping[str, Revision]) -> set[str]:
    """These and everything that they need; what is in no file is passed over."""
    found: set[str] = set()
    todo = [id for id in ids if id in revisions]
    while todo:
        id = todo.pop()
        if id not in found:
            found.add(id)
            todo.extend(revisions[id].needs)
    return found


def point_below(going: set[str], present: set[str], revisions: Mapping[str, Revision]) -> str:
    """The one revision to go down to so that exactly `going` leave `present`; "base" for none. Raises `GateFailed`
    where something that stays stands on them, or branches would have to be parted."""
    staying = present - going
    for id in staying:
        if wrong := set(revisions[id].needs) & going:
            raise GateFailed(
                f"revision {min(wrong)} cannot be taken back: {id} was applied after it",
                "take back the newer one too, or restore a backup: mobius rollback --backup FILE",
            )
    tops = heads({id: revisions[id] for id in revisions if id in staying})
    merges = [id for id in going if len(revisions[id].below) > 1]
    if len(tops) > 1 or merges:
        raise GateFailed(
            f"Alembic cannot go back to {len(tops)} branches at once: {', '.join(tops)}",
            "restore a backup: mobius rollback --backup FILE",
        )
    return tops[0] if tops else BASE
